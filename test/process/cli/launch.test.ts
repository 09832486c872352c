import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const empty = join(folder, 'empty');
mkdirSync(empty);

test.each([
  [['launch', 'train', '--data', 'x'], 'mayfly: Expected --ranks or --hosts, got neither'],
  [['launch', '-n', '2', 'eval'], 'mayfly: Expected the command to be train or stress, got `eval`'],
  [
    ['launch', '-n', '2', '--', 'train', '--stps', '2'],
    'mayfly: Expected a known option, got `--stps` (Did you mean --steps?)',
  ],
  [
    ['launch', '-n', '2', 'train', '--data', 'x'],
    'mayfly: Found no mpirun of Open MPI or MPICH on the path. Install one: ',
  ],
])('mayfly %j is one error and starts nothing', async (words, message) => {
  const ended = await mayfly(words, { env: { PATH: empty } });
  expect(ended).toMatchObject({ code: 2, lines: [] });
  expect(ended.stderr.startsWith(message)).toBe(true);
  expect(ended.stderr.split('\n')).toHaveLength(2);
});

test('ranks are at most the slots of the hosts', async () => {
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, 'mac-1 slots=2\nmac-2\n');
  const { code, stderr } = await mayfly(['launch', '-n', '4', '--hosts', hosts, 'train', '--data', 'x']);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'mayfly: Expected --ranks to be 3 at most, the slots of --hosts, got 4\n',
  });
});
