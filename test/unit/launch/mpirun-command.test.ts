import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRankLines, encodeRankLine, findMpirun, mpirunCommand } from '@mayfly/core/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const open = { mpi: 'openmpi', version: '4.1.4', path: '/usr/bin/mpirun' } as const;
const mpich = { mpi: 'mpich', version: '4.0.2', path: '/usr/bin/mpiexec' } as const;
const program = ['node', 'mayfly.js', 'train'];
const hosts = [
  { name: 'mac-1', slots: 2 },
  { name: 'mac-2', slots: 1 },
];

const actAs = (user: number) => vi.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(user);

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('the command', () => {
  const local = { ranks: 1, hosts: [], env: { NO_COLOR: '1' }, program };

  test('of Open MPI leaves ranks all cores, and allows root only as root', () => {
    actAs(0);
    const words = ['-n', '4096', '--bind-to', 'none', '--oversubscribe', '-x', 'NO_COLOR=1', ...program];
    expect(mpirunCommand(open, { ...local, ranks: 4096 })).toEqual([
      '/usr/bin/mpirun',
      '--allow-run-as-root',
      ...words,
    ]);
    actAs(1000);
    expect(mpirunCommand(open, { ...local, ranks: 4096 })).toEqual(['/usr/bin/mpirun', ...words]);
  });

  test("of Open MPI names the hosts, the network, and the caller's variables", () => {
    for (const name of Object.keys(process.env)) if (/^(MAYFLY|NODE|XDG)_/.test(name)) vi.stubEnv(name, undefined);
    vi.stubEnv('MAYFLY_DEBUG', '1');
    actAs(1000);
    expect(mpirunCommand(open, { ...local, ranks: 3, hosts, network: '192.168.2.0/24' })).toEqual([
      ...['/usr/bin/mpirun', '-n', '3', '--host', 'mac-1:2,mac-2:1', '--bind-to', 'none'],
      ...['--mca', 'btl_tcp_if_include', '192.168.2.0/24', '-x', 'NO_COLOR=1', '-x', 'MAYFLY_DEBUG', ...program],
    ]);
  });

  test.each([
    ['4.1.4', ['--mca', 'orte_keep_fqdn_hostnames', '1']],
    ['5.0.9', ['--prtemca', 'prte_keep_fqdn_hostnames', '1']],
  ])('of Open MPI %s calls hosts by their whole names', (version, words) => {
    const named = [{ name: 'mac-1.local', slots: 1 }];
    const command = mpirunCommand({ ...open, version }, { ...local, hosts: named });
    expect(command.join(' ')).toContain(`--host mac-1.local:1 ${words.join(' ')} --bind-to`);
    const numbered = [{ name: '192.168.2.1', slots: 1 }];
    expect(mpirunCommand({ ...open, version }, { ...local, hosts: numbered }).join(' ')).not.toContain('fqdn');
  });

  test('of MPICH', () => {
    expect(mpirunCommand(mpich, { ...local, ranks: 3, hosts, network: 'en5' })).toEqual([
      ...['/usr/bin/mpiexec', '-n', '3', '-hosts', 'mac-1:2,mac-2:1', '-iface', 'en5', '-genv', 'NO_COLOR', '1'],
      ...program,
    ]);
  });
});

describe('the installed mpirun', () => {
  const versions = {
    openmpi4: 'mpirun (Open MPI) 4.1.4\n\nReport bugs to http://www.open-mpi.org/community/help/',
    openmpi5: 'mpirun (Open MPI) 5.0.9',
    mpich: 'HYDRA build details:\n    Version:                                 4.0.2\n    Release Date: …',
    other: 'Some launcher 1.0',
  };

  /** A folder of launchers that print a version. */
  const install = (name: string, files: Readonly<Record<string, keyof typeof versions>>): string => {
    const path = join(folder, name);
    mkdirSync(path);
    for (const [file, version] of Object.entries(files)) {
      writeFileSync(join(path, file), `#!/bin/sh\ncat <<'END'\n${versions[version]}\nEND\n`);
      chmodSync(join(path, file), 0o755);
    }
    return path;
  };
  const system = process.env.PATH;

  beforeEach(() => vi.stubEnv('PATH', system));

  test('is told by its version, whatever its name', async () => {
    const both = install('both', { 'mpirun.openmpi': 'openmpi4', 'mpirun.mpich': 'mpich' });
    symlinkSync('mpirun.mpich', join(both, 'mpirun'));
    // The scripts need `cat`, which is in none of the folders.
    const isolated = (first: string) => vi.stubEnv('PATH', `${first}:${bin}`);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync('/bin/cat', join(bin, 'cat'));
    isolated(both);
    expect(await findMpirun()).toEqual({ mpi: 'mpich', version: '4.0.2', path: join(both, 'mpirun') });
    expect(await findMpirun('openmpi')).toEqual({
      mpi: 'openmpi',
      version: '4.1.4',
      path: join(both, 'mpirun.openmpi'),
    });
    isolated(install('five', { mpiexec: 'openmpi5' }));
    expect(await findMpirun()).toMatchObject({ mpi: 'openmpi', version: '5.0.9' });
    await expect(findMpirun('mpich')).rejects.toMatchObject({
      code: 'ERR_MPI',
      message: expect.stringMatching(
        /^Found no mpirun of MPICH on the path, only .*mpiexec of Open MPI\. Install one: .*mpich$/,
      ),
    });
    isolated(install('other', { mpirun: 'other' }));
    await expect(findMpirun()).rejects.toMatchObject({ code: 'ERR_MPI' });
  });
});

describe('lines of ranks', () => {
  const end = { rank: 1, pid: 7, host: 'mac', code: null, signal: 'SIGKILL' } as const;

  test('are told from those of mpirun, also where one begins within another', () => {
    const out = { kind: 'out', rank: 0, text: '{"event":"step"}' } as const;
    const line = encodeRankLine(out).slice(0, -1);
    expect(decodeRankLines(line)).toEqual({ lines: [out], rest: '' });
    const begun = { kind: 'begin', process: { rank: 1, pid: 7, host: 'mac' } } as const;
    expect(decodeRankLines(encodeRankLine(begun).slice(0, -1))).toEqual({ lines: [begun], rest: '' });
    expect(decodeRankLines('=   BAD TERMINATION OF ONE')).toEqual({ lines: [], rest: '=   BAD TERMINATION OF ONE' });
    expect(decodeRankLines(`cut ${line}${encodeRankLine({ kind: 'end', end }).slice(0, -1)}`)).toEqual({
      lines: [out, { kind: 'end', end }],
      rest: 'cut ',
    });
  });
});
