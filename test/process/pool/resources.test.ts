import { execFileSync, spawn } from 'node:child_process';
import { accessSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addon } from '@mayfly/native';
import { describe, expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

/** What the system has too little of: the error says of what and how much, and what runs goes on. */
const linux = process.platform === 'linux';
const tests = fileURLToPath(new URL('../..', import.meta.url));

/** Opens a pool, does `exhaust`, has the one worker replaced, and prints what became of old and new work. */
const script = (exhaust: string) => `
  import { execFileSync } from 'node:child_process';
  import { openSync } from 'node:fs';
  import { createPool } from '@mayfly/core';
  const pool = await createPool({ standby: 0, pacing: { backoffMs: 1, maxDeaths: 2 } });
  const kernel = await pool.compile({ text: ${JSON.stringify(scaleProgram(8, 3))} });
  const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
  x.array().fill(2);
  ${exhaust}
  void pool.recycle();
  await new Promise((resolve) => setImmediate(resolve));
  await kernel.run(x, y);
  const { code, message } = await pool.compile({ text: ${JSON.stringify(scaleProgram(8, 5))} }).catch((error) => error);
  await kernel.run(x, y);
  console.log(JSON.stringify({ y: y.array()[0], code, message }));
  process.kill(process.pid, 'SIGKILL');`;

async function result(shell: string, text: string, options: { uid?: number } = {}) {
  const child = spawn('/bin/sh', ['-c', `${shell} exec "${process.execPath}" --input-type=module -e "$SCRIPT"`], {
    ...{ cwd: tests, env: { ...process.env, SCRIPT: text, HOME: '/tmp' } },
    ...{ stdio: ['ignore', 'pipe', 'inherit'] },
    ...options,
  });
  let printed = '';
  for await (const chunk of child.stdout!) printed += String(chunk);
  return JSON.parse(printed) as { y: number; code: string; message: string };
}

test('file descriptors', async () => {
  const taken = 'const taken = []; try { for (;;) taken.push(openSync("/dev/null")); } catch {}';
  const { y, code, message } = await result('ulimit -n 128;', script(taken));
  expect([y, code]).toEqual([6, 'ERR_POOL_FAILED']);
  expect(message).toMatch(
    /no worker could be started in \d+ tries: .*Too many open files \(at most 128 in this process by RLIMIT_NOFILE\)/,
  );
});

describe('processes', () => {
  // The limit does not hold for root. Nobody has to be able to read what is tested, and to change its own limit.
  const root = process.getuid?.() === 0;
  const user = root ? { uid: 65_534 } : {};
  const reason = (() => {
    if (!linux) return 'RLIMIT_NPROC is set by prlimit, which is Linux’s';
    try {
      execFileSync('/bin/sh', ['-c', `prlimit --version && "${process.execPath}" -e 0 && test -r package.json`], {
        ...{ cwd: tests, stdio: 'ignore' },
        ...user,
      });
      return null;
    } catch {
      return 'prlimit, Node and these files are needed as a user that is not root';
    }
  })();
  if (reason !== null) console.log(`skipped: ${reason}`);

  test.skipIf(reason !== null)('a fork that is refused', async () => {
    const refuse = 'execFileSync("prlimit", ["--nproc=1:1", "--pid", String(process.pid)]);';
    const { y, code, message } = await result('', script(refuse), user);
    expect([y, code]).toEqual([6, 'ERR_POOL_FAILED']);
    expect(message).toMatch(
      /no worker could be started in \d+ tries: .*Resource temporarily unavailable \(at most 1 processes and threads of this user by RLIMIT_NPROC/,
    );
  });
});

describe('memory, as cgroups allow it', () => {
  const folder = temporaryFolder();
  const GIB = 2 ** 30;
  let trees = 0;

  /** A copy of what the kernel tells of memory: MemAvailable in KiB, /proc/self/cgroup, and files by path. */
  function tree(available: number, groups: string, files: Record<string, string | number>): string {
    const root = join(folder, `root-${trees++}`);
    const all = {
      'proc/meminfo': `MemTotal: 1 kB\nMemAvailable: ${available / 1024} kB\n`,
      'proc/self/cgroup': groups,
    };
    for (const [path, text] of Object.entries({ ...all, ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), `${text}\n`);
    }
    return root;
  }
  const v2 = (path: string, max: string | number, current: number, cache: number) => ({
    [`sys/fs/cgroup${path}/memory.max`]: max,
    [`sys/fs/cgroup${path}/memory.current`]: current,
    [`sys/fs/cgroup${path}/memory.stat`]: `anon 1\ninactive_file ${cache}\nactive_file 7`,
  });
  const v1 = (path: string, max: string | number, usage: number, cache: number) => ({
    [`sys/fs/cgroup/memory${path}/memory.limit_in_bytes`]: max,
    [`sys/fs/cgroup/memory${path}/memory.usage_in_bytes`]: usage,
    [`sys/fs/cgroup/memory${path}/memory.stat`]: `cache 1\ntotal_inactive_file ${cache}`,
  });
  const UNLIMITED = '9223372036854771712';

  test.runIf(linux).each([
    ['no cgroup: what the system has', () => tree(3 * GIB, '', {}), 3 * GIB],
    ['version 2, in a container', () => tree(3 * GIB, '0::/', v2('', 2 * GIB, GIB, 0)), GIB],
    ['version 2, file cache counts as room', () => tree(3 * GIB, '0::/a', v2('/a', 2 * GIB, GIB, GIB / 4)), 1.25 * GIB],
    [
      'version 2, the tightest group around',
      () => tree(8 * GIB, '0::/a/b', { ...v2('/a/b', 'max', GIB, 0), ...v2('/a', 4 * GIB, 3.5 * GIB, 0) }),
      GIB / 2,
    ],
    ['version 2, over its limit', () => tree(3 * GIB, '0::/a', v2('/a', GIB, 2 * GIB, 0)), 0],
    ['version 2, the system has less', () => tree(GIB, '0::/a', v2('/a', 4 * GIB, GIB, 0)), GIB],
    ['version 1', () => tree(9 * GIB, '4:cpu:/x\n3:memory:/a', v1('/a', 2 * GIB, GIB, GIB / 2)), 1.5 * GIB],
    ['version 1 without a limit', () => tree(3 * GIB, '3:memory:/a', v1('/a', UNLIMITED, GIB, 0)), 3 * GIB],
    [
      'both, memory under version 1',
      () => tree(9 * GIB, '3:memory:/a\n0::/', { ...v1('/a', 2 * GIB, GIB, 0), ...v2('', 'max', 1, 0) }),
      GIB,
    ],
    ['a path of the host, which is not mounted here', () => tree(9 * GIB, '0::/host/7', v2('', 2 * GIB, GIB, 0)), GIB],
  ])('%s', (_, root, expected) => {
    expect(addon.availableMemory(root())).toBe(expected);
  });

  // A group of our own, where the machine lets us make one.
  const mount = '/sys/fs/cgroup/memory';
  const group = join(mount, `mayfly-test-${process.pid}`);
  const refused = (() => {
    try {
      accessSync(join(mount, 'memory.limit_in_bytes'));
      mkdirSync(group);
      rmdirSync(group);
      return null;
    } catch (error) {
      return `no memory cgroup (version 1) can be made here: ${(error as Error).message}`;
    }
  })();
  if (refused !== null) console.log(`skipped: ${refused}`);

  test.skipIf(refused !== null)(
    'an arena that does not fit a real group is an error, and the pool lives on',
    async () => {
      mkdirSync(group);
      try {
        writeFileSync(join(group, 'memory.limit_in_bytes'), String(512 << 20));
        const fill = `
        let full = null;
        try { pool.arena.tensor('fp32', [1 << 28]); } catch (error) { full = { code: error.code, message: error.message }; }
        await kernel.run(x, y);
        console.log(JSON.stringify({ y: y.array()[0], ...full }));
        await pool.close();
        process.exit(0);`;
        const { y, code, message } = await result(`echo $$ > ${group}/cgroup.procs;`, script(fill));
        expect([y, code]).toEqual([6, 'ERR_ARENA_FULL']);
        const [, wanted, available] = /Cannot commit (\d+) bytes of memory: (\d+) bytes available/.exec(message)!;
        expect(Number(wanted)).toBe(2 ** 30);
        expect(Number(available)).toBeLessThan(512 << 20);
      } finally {
        await expect.poll(() => readFileSync(join(group, 'cgroup.procs'), 'utf8')).toBe('');
        rmdirSync(group);
      }
    },
  );
});
