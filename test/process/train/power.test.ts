import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appleTools, calm } from '../../fixtures/apple-tools.js';
import { eventsOf, mayfly } from '../../fixtures/command.js';
import { smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const train = (name: string, env: Record<string, string>, ...options: string[]) =>
  mayfly(
    ['train', '--data', data, '--steps', '2', '--batch', '1', '--seq', '16', '--out', join(folder, name), ...options],
    { env },
  );

test('a run on a Mac is kept awake, and its log has the state of power', async () => {
  const tools = appleTools(join(folder, 'tools'), {
    ...calm,
    'pmset -g': ' lowpowermode         1\n',
    'pmset -g therm': 'CPU_Speed_Limit \t= 70\n',
  });
  const run = await train('awake', tools.environment);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.lines).toContain('power   low-power mode, thermal pressure nominal, processor limited to 70 %, on mains');
  const log = readFileSync(join(folder, 'awake', 'log.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const states = log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'power');
  expect(states).toMatchObject([{ source: 'mains', low_power_mode: true, thermal: 'nominal', speed_limit: 70 }]);
  const keepers = tools.calls().filter(({ call }) => /^caffeinate -i -w \d+$/.test(call));
  expect(keepers).toHaveLength(1);
  expect(() => process.kill(keepers[0]!.pid, 0)).toThrow('ESRCH');

  expect(await train('asleep', tools.environment, '--allow-sleep')).toMatchObject({ code: 0, stderr: '' });
  expect(tools.calls().filter(({ call }) => call.startsWith('caffeinate'))).toHaveLength(1);
});

test('without its commands a run goes on and says that it is not kept awake', async () => {
  const tools = appleTools(join(folder, 'none'));
  rmSync(join(folder, 'none'), { recursive: true });
  const run = await train('without', tools.environment);
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('Cannot keep the system from idle sleep: ') });
  expect(run.lines).toContain('power   unknown');
});

test('on other systems nothing is asked or said', async ({ skip }) => {
  if (process.platform === 'darwin') return skip('this is macOS');
  const run = await train('elsewhere', {}, '--json');
  expect(eventsOf(run).map(({ event }) => event)).not.toContain('power');
});
