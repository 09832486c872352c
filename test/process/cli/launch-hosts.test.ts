import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { describeLaunchers } from '../../fixtures/mpirun.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();

/** A folder whose `ssh` gets to no host. */
function unreachable(words: string): string {
  const path = join(folder, 'bin');
  mkdirSync(path, { recursive: true });
  const script = `#!/bin/sh
for each; do case $each in -*) ;; *) break ;; esac; done
echo "${words}" >&2
exit 255
`;
  writeFileSync(join(path, 'ssh'), script);
  chmodSync(join(path, 'ssh'), 0o755);
  return path;
}

describeLaunchers('mayfly launch on hosts', ({ name }) => {
  const mpi = name === 'MPICH' ? 'mpich' : 'openmpi';
  const hosts = join(folder, `${mpi}.txt`);
  writeFileSync(hosts, 'mac-1.invalid slots=1\nmac-2.invalid slots=1\n');

  test.each([
    [
      'ssh: connect to host $each port 22: No route to host',
      /ssh: connect to host mac-[12]\.invalid port 22: No route/,
    ],
    ['me@$each: Permission denied (publickey,password).', /me@mac-[12]\.invalid: Permission denied \(publickey/],
  ])('says which host cannot be reached, and how to try, instead of waiting: %s', async (words, expected) => {
    const env = { PATH: `${unreachable(words)}:${process.env.PATH}` };
    const out = join(folder, 'out');
    const task = ['train', '--data', hosts, '--out', out];
    const { code, stderr } = await mayfly(['launch', '--hosts', hosts, '--mpi', mpi, '--', ...task], { env });
    const [, first, ...rest] = stderr.split('\n');
    expect(first, stderr).toMatch(expected);
    expect(first).toMatch(/^mayfly: mpirun cannot reach a host: .*`ssh HOST true` has to succeed.* \[ERR_RANK\]$/);
    expect(rest).toEqual(['']);
    expect(code).toBe(1);
  });
});
