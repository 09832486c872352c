import { execFileSync, spawn as spawnByNode } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { addon } from '@mayfly/native';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { childScript, spawnNative, spawnRole } from '../../fixtures/spawn-native.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const linux = process.platform === 'linux';
const arena = addon.createArena(1 << 16);
afterAll(() => arena.close());
const descriptors = () => readdirSync(linux ? '/proc/self/fd' : '/dev/fd').length;

const run = async (file: string, ...args: string[]) => {
  const child = spawnNative(arena, file, ...args);
  closeSync(child.connectionFd);
  const [output, exit] = await Promise.all([child.output, child.exit]);
  return { pid: child.pid, output, ...exit };
};

describe('what a child begins with', () => {
  test.runIf(linux)('its five descriptors and no other', async () => {
    const { output } = await run('/bin/ls', '-l', '/proc/self/fd');
    const links = [...output.matchAll(/ (\d+) -> (\S+)/g)].map(([, fd, target]) => [Number(fd), target]);
    expect(links.slice(0, 5)).toEqual([
      [0, '/dev/null'],
      [1, expect.stringMatching(/^pipe:/)],
      [2, links[1]?.[1]],
      [3, expect.stringMatching(/^socket:/)],
      [4, '/memfd:mayfly-arena'],
    ]);
    expect(links.slice(5)).toEqual([[5, expect.stringMatching(/^\/proc\//)]]);
  });

  test.runIf(linux)('with a lane, its three ends as well', async () => {
    let exited = () => {};
    const exit = new Promise<void>((resolve) => {
      exited = resolve;
    });
    const { connectionFd, stderrFd, lane } = addon.spawn({
      file: '/bin/sh',
      args: ['-c', 'for fd in 5 6 7 8; do readlink /proc/$$/fd/$fd || echo none; done'],
      env: { PATH: process.env.PATH ?? '' },
      arena,
      lane: true,
      onExit: () => exited(),
    });
    await exit;
    const handlers = { onCompletion() {}, onControl() {}, onClose() {} };
    const lanes = () => readFileSync('/proc/self/maps', 'utf8').match(/\/memfd:mayfly-lane/g)?.length ?? 0;
    const before = lanes();
    const connection = addon.connect(connectionFd, handlers, lane);
    expect(() => addon.connect(connectionFd, handlers, lane)).toThrow(/a lane that no connection has/);
    connection.close();
    // No garbage was collected since: its memory goes with the connection.
    expect(lanes()).toBe(before - 1);
    expect(readFileSync(stderrFd, 'utf8').trim().split('\n')).toEqual([
      '/memfd:mayfly-lane (deleted)',
      expect.stringMatching(/^pipe:/),
      expect.stringMatching(/^pipe:/),
      'none',
    ]);
    closeSync(stderrFd);
  });

  /** Stands before the C library's function, as if that were older than 2.34. */
  function olderLibrary(): string {
    const folder = temporaryFolder();
    const source = join(folder, 'older.c');
    writeFileSync(source, 'int posix_spawn_file_actions_addclosefrom_np(void* a, int b) { return a == 0 || b > 0; }\n');
    execFileSync('cc', ['-shared', '-fPIC', '-o', join(folder, 'older.so'), source]);
    return join(folder, 'older.so');
  }

  test.runIf(linux).each(['this', 'an older'])('none that another addon left open, with %s C library', (library) => {
    const script = `
      import { readFileSync } from 'node:fs';
      import { addon } from '@mayfly/native';
      const left = readFileSync('/proc/self/fdinfo/30', 'utf8').match(/flags:\\s*(\\d+)/)[1];
      if ((parseInt(left, 8) & 0o2000000) !== 0) throw new Error('nothing is inherited here');
      const { stderrFd } = addon.spawn({
        ...{ file: '/bin/ls', args: ['/proc/self/fd'], env: {}, arena: addon.createArena(1 << 16) },
        onExit: () => process.stdout.write(readFileSync(stderrFd)),
      });`;
    // Node keeps its descriptors from children up to a gap behind 15.
    const stdio = ['ignore', 'pipe', 'inherit', ...new Array<'ignore'>(27).fill('ignore'), 1] as const;
    const env = { ...process.env, ...(library === 'an older' && { LD_PRELOAD: olderLibrary() }) };
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      ...{ cwd: import.meta.dirname, env, stdio: [...stdio], encoding: 'utf8' },
    });
    // The sixth is the folder that it lists.
    expect(output.trim().split('\n')).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  test.runIf(linux)('default signals, none blocked, in a process group of its own', async () => {
    // Node itself ignores SIGPIPE, which a child would inherit.
    const status = (await run('/bin/cat', '/proc/self/status')).output;
    expect(status).toMatch(/SigBlk:\t0+\n/);
    // 32 and 33 are the C library's own, and it ignores them in every child that it starts.
    const ignored = BigInt(`0x${status.match(/SigIgn:\t(\w+)/)?.[1]}`) & ~0x180000000n;
    expect(ignored).toBe(0n);
    const stat = await run('/bin/cat', '/proc/self/stat');
    const [pid, , , , group] = stat.output.split(' ');
    expect(group).toBe(pid);
    expect(pid).toBe(String(stat.pid));
  });

  test('the given environment and arguments, byte for byte', async () => {
    const script = 'process.stderr.write(JSON.stringify([process.argv.slice(1), process.env.LANG, process.env.HOME]))';
    const { output } = await run(process.execPath, '-e', script, '--', 'a b', '', 'ünï"\n');
    expect(JSON.parse(output)).toEqual([['a b', '', 'ünï"\n'], 'C', null]);
  });
});

describe('the end of a child', () => {
  test('is reported as an exit code or a signal', async () => {
    expect(await run('/bin/sh', '-c', 'exit 7')).toMatchObject({ exitCode: 7, signal: null });
    expect(await run('/bin/sh', '-c', 'kill -TERM $$')).toMatchObject({ exitCode: null, signal: 'SIGTERM' });
    expect(await run('/bin/sh', '-c', 'kill -USR1 $$')).toMatchObject({ exitCode: null, signal: 'SIGUSR1' });
  });

  test('is reported once, beside children that Node started', async () => {
    const ends: number[] = [];
    const wait = (code: number) =>
      new Promise<void>((resolve) => {
        const { connectionFd, stderrFd } = addon.spawn({
          file: '/bin/sh',
          args: ['-c', `exit ${code}`],
          env: {},
          arena,
          onExit: (exitCode) => {
            ends.push(exitCode ?? -1);
            resolve();
          },
        });
        closeSync(connectionFd);
        closeSync(stderrFd);
      });
    const node = Array.from({ length: 10 }, () => once(spawnByNode('/bin/sh', ['-c', 'exit 3']), 'exit'));
    await Promise.all([...Array.from({ length: 20 }, (_, code) => wait(code)), ...node]);
    expect(ends.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, code) => code));
    expect((await Promise.all(node)).every(([code]) => code === 3)).toBe(true);
  });

  test('frees its resources: 200 starts and 50 failed ones leave no descriptor', async () => {
    await run('/bin/sh', '-c', 'exit 0');
    const before = descriptors();
    for (let i = 0; i < 200; i++) expect(await run('/bin/sh', '-c', 'exit 0')).toMatchObject({ exitCode: 0 });
    for (let i = 0; i < 50; i++) expect(() => spawnNative(arena, '/nonexistent/file')).toThrow();
    expect(descriptors()).toBe(before);
  });

  test('the error of a failed start names the file and the reason', () => {
    expect(() => spawnNative(arena, '/nonexistent/file')).toThrow(
      expect.objectContaining({
        code: 'ERR_SPAWN',
        message: 'Cannot start /nonexistent/file: No such file or directory',
      }),
    );
    expect(() => addon.spawn({ file: '/bin/true', args: [], env: {}, arena } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('onExit') }),
    );
  });

  test('living children keep the event loop alive; their ends let it go', () => {
    const script = `
      import { addon } from '@mayfly/native';
      const arena = addon.createArena(4096);
      const onExit = (code) => console.log('ended', code);
      addon.spawn({ file: '/bin/cat', args: ['/dev/null'], env: {}, arena, onExit });
    `;
    const args = ['--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8', timeout: 120_000 })).toBe(
      'ended 0\n',
    );
  });
});

describe('the end of the parent', () => {
  const folder = temporaryFolder();

  /** Settles once a child is gone whose parent was killed: until then the child holds a connection to us. */
  const orphan = async (role: string) => {
    const path = join(folder, `${role}.sock`);
    const server = createServer().listen(path);
    onTestFinished(() => void server.close());
    const parent = spawnByNode(process.execPath, [childScript, 'parent', role, path], { stdio: 'inherit' });
    const [connection] = (await once(server, 'connection')) as [Socket];
    await once(connection, 'data');
    parent.kill('SIGKILL');
    await Promise.all([once(connection, 'close'), once(parent, 'exit')]);
  };

  test('ends a child that serves: its socket does', () => orphan('announce-and-serve'));

  test.runIf(linux)('ends a child that never looks at its socket: the kernel does', () => orphan('announce-and-hang'));

  test('ends a child at once that finds itself orphaned', async () => {
    const script = `import { addon } from '@mayfly/native'; addon.dieWithParent(1); console.log('alive');`;
    const args = ['--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8', timeout: 120_000 })).toBe(
      '',
    );
  });
});

test('a child shares the arena', async () => {
  const page = arena.view(0, 4096).fill(41);
  const child = spawnRole(arena, 'increment');
  closeSync(child.connectionFd);
  expect(await child.exit).toEqual({ exitCode: 0, signal: null });
  expect(page.every((byte) => byte === 42)).toBe(true);
});

test.runIf(linux)('no process can resize the arena under the others', async () => {
  for (const bytes of ['0', '1048576']) {
    const child = spawnRole(arena, 'resize', bytes);
    closeSync(child.connectionFd);
    expect(await child.output).toContain('EPERM');
  }
});
