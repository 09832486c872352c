import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createPool, type Pool, type PoolEvents, type PoolOptions } from '@mayfly/core';
import { afterEach, describe, expect, test } from 'vitest';
import { isAlive } from '../../fixtures/is-alive.js';
import { gatherProgram, scaleProgram, slowProgram } from '../../fixtures/programs.js';

/** One test for each row of the table of faults in docs/internals/lifecycle.md. */
const SIDE = 128;
const open: Pool[] = [];
const pool = async (options?: PoolOptions) => {
  const made = await createPool(options);
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const each of open.splice(0)) await each.destroy();
});

const serving = (from: Pool) => from.stats().workers.find(({ state }) => state === 'serving')!;
const nextEvent = <Name extends keyof PoolEvents>(from: Pool, name: Name) =>
  new Promise<PoolEvents[Name][0]>((resolve) => from.once(name, resolve as never));

/** A kernel that takes a while, whose right result is its input. */
async function slowIdentity(from: Pool, times = 300) {
  const kernel = await from.compile({ name: 'slow', text: slowProgram(SIDE, times) });
  const x = from.arena.tensor('fp32', [SIDE, SIDE]);
  for (let i = 0; i < SIDE; i++) x.array()[i * SIDE + i] = 1;
  const run = async () => {
    const y = from.arena.tensor('fp32', [SIDE, SIDE]);
    await kernel.run(x, y);
    expect(y.array()).toEqual(x.array());
  };
  return { kernel, run, x };
}

describe('a worker that dies', () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGTERM'] as const)('of %s, in a dispatch', async (signal) => {
    const p = await pool();
    const { run } = await slowIdentity(p);
    const exited = nextEvent(p, 'workerExit');
    const running = run();
    process.kill(serving(p).pid, signal);
    await running;
    expect(await exited).toMatchObject({ signal, expected: false });
  });

  test('idle: the next call finds the standby', async () => {
    const p = await pool();
    const { run } = await slowIdentity(p, 1);
    const exited = nextEvent(p, 'workerExit');
    process.kill(serving(p).pid, 'SIGKILL');
    await exited;
    await run();
  });

  test('in a compilation: another worker compiles', async () => {
    const p = await pool();
    const text = slowProgram(8, 4000);
    const exited = nextEvent(p, 'workerExit');
    const compiling = p.compile({ text });
    process.kill(serving(p).pid, 'SIGKILL');
    await compiling;
    await exited;
    expect(p.stats()).toMatchObject({ compilations: 2, deaths: 1 });
  });

  test('while starting: another is started', async () => {
    const p = await pool({ standby: 1 });
    p.once('workerStart', ({ pid }) => process.kill(pid, 'SIGKILL'));
    const { run } = await slowIdentity(p, 1);
    void p.recycle();
    await run();
    while (p.stats().deaths === 0) await nextEvent(p, 'workerExit');
    await run();
  });

  test('while draining: its kernels have moved already', async () => {
    const p = await pool();
    const { run } = await slowIdentity(p);
    const pid = serving(p).pid;
    const running = run();
    const moved = nextEvent(p, 'kernelMove');
    void p.recycle();
    await moved;
    process.kill(pid, 'SIGKILL');
    await running;
    await run();
  });
});

test('a worker that hangs is killed at the deadline and its work repeated', async () => {
  const p = await pool({ timeouts: { dispatchMs: 1000 } });
  const { run } = await slowIdentity(p, 1);
  const exited = nextEvent(p, 'workerExit');
  process.kill(serving(p).pid, 'SIGSTOP');
  await run();
  expect(await exited).toMatchObject({
    signal: 'SIGKILL',
    reason: 'no answer to a dispatch in 1000 ms',
    expected: false,
  });
});

test('a worker that hangs in a compilation is killed at the deadline', async () => {
  const p = await pool({ timeouts: { compileMs: 1000 } });
  const exited = nextEvent(p, 'workerExit');
  process.kill(serving(p).pid, 'SIGSTOP');
  await p.compile({ text: scaleProgram(8, 2) });
  expect(await exited).toMatchObject({ reason: 'no answer to compile in 1000 ms' });
  expect(p.stats()).toMatchObject({ compilations: 2, deaths: 1 });
});

test('data that a program cannot take reject the call alone', async () => {
  const p = await pool();
  const quarantined: string[] = [];
  p.on('kernelQuarantine', ({ kernel }) => quarantined.push(kernel));
  const kernel = await p.compile({ name: 'pick', text: gatherProgram(64, 64) });
  const x = p.arena.tensor('fp32', [64]);
  const at = p.arena.tensor('int32', [64]);
  const y = p.arena.tensor('fp32', [64]);
  x.array().set(Float32Array.from({ length: 64 }, (_, i) => i));
  for (const wrong of [64, -1, 2 ** 31 - 1]) {
    at.array()[1] = wrong;
    await expect(kernel.run([x, at], y)).rejects.toMatchObject({
      code: 'ERR_INPUT_DATA',
      message: expect.stringMatching(new RegExp(`^\\[pick\\] .*got ${wrong}$`)),
    });
  }
  at.array()[1] = 63;
  await kernel.run([x, at], y);
  expect(y.array()[1]).toBe(63);
  expect(p.stats()).toMatchObject({ deaths: 0 });
  expect(quarantined).toEqual([]);
});

test('a kernel that ends every worker is quarantined; bystanders go on', async () => {
  const p = await pool({ attempts: 2 });
  const { kernel, run } = await slowIdentity(p, 4000);
  const running = run();
  const quarantined = nextEvent(p, 'kernelQuarantine');
  p.on('kernelMove', () => setImmediate(() => process.kill(serving(p).pid, 'SIGKILL')));
  process.kill(serving(p).pid, 'SIGKILL');
  await expect(running).rejects.toMatchObject({ code: 'ERR_WORKER_EXIT', attempts: 2 });
  expect(await quarantined).toMatchObject({ kernel: 'slow' });
  p.removeAllListeners('kernelMove');
  const x = p.arena.tensor('fp32', [SIDE, SIDE]);
  await expect(kernel.run(x, x)).rejects.toMatchObject({ code: 'ERR_WORKER_EXIT' });
  const bystander = await slowIdentity(p, 1);
  await bystander.run();
});

test('workers that cannot start at all are one clear error with their last words, not a loop', async () => {
  const before = process.env.MAYFLY_ISA;
  process.env.MAYFLY_ISA = 'abacus';
  try {
    const failing = createPool({ pacing: { backoffMs: 1, maxDeaths: 3 } });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_POOL_FAILED' });
    await expect(failing).rejects.toThrow(
      /3 workers died in a row; the last: worker 3 .*exited with code 1[\s\S]*abacus/,
    );
  } finally {
    if (before === undefined) delete process.env.MAYFLY_ISA;
    else process.env.MAYFLY_ISA = before;
  }
});

describe('the main process ends: so does every worker, at work, hung, idle or starting', () => {
  test.each([
    ['SIGKILL', ''],
    ['SIGSEGV', ''],
    ['SIGTERM', ''],
    ['an uncaught error', 'throw new Error("bug")'],
    ['process.exit()', 'process.exit(7)'],
    ['process.abort()', 'process.abort()'],
  ])('%s', async (how, ending) => {
    const script = `
      import { createPool } from '@mayfly/core';
      const pool = await createPool({ workers: 2, standby: 2 });
      const pids = new Set(pool.stats().workers.map(({ pid }) => pid));
      const slow = await pool.compile({ text: ${JSON.stringify(slowProgram(512, 500))} });
      const tensor = () => pool.arena.tensor('fp32', [512, 512]);
      const report = () => { for (const { pid } of pool.stats().workers) pids.add(pid); return JSON.stringify([...pids]); };
      void slow.run(tensor(), tensor()).catch(() => {});
      process.kill(pool.stats().workers.find(({ id }) => id === 2).pid, 'SIGSTOP');
      pool.on('workerStart', () => { if (pool.stats().workers.length >= 4) { process.stdout.write(report() + '\\n', () => { ${ending} }); } });
      void pool.recycle();
      setInterval(() => {}, 1000);`;
    const parent: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: new URL('../..', import.meta.url),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(parent, 'exit');
    let pids: number[] = [];
    for await (const line of parent.stdout!) {
      pids = JSON.parse(String(line).trim().split('\n').at(-1)!);
      break;
    }
    expect(pids.length).toBeGreaterThanOrEqual(4);
    if (ending === '') parent.kill(how as NodeJS.Signals);
    await exited;
    await expect.poll(() => pids.filter(isAlive), { interval: 5 }).toEqual([]);
  });
});

test('no shared memory object has a name', async () => {
  const { readdirSync } = await import('node:fs');
  const ours = () => readdirSync('/dev/shm').filter((name) => name.includes('mayfly'));
  const before = ours();
  await pool();
  expect(ours()).toEqual(before);
});

test('an abandoned call leaves the pool whole', async () => {
  const p = await pool();
  const { kernel, run, x } = await slowIdentity(p, 2000);
  const abort = new AbortController();
  const running = kernel.run(x, p.arena.tensor('fp32', [SIDE, SIDE]), { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  await run();
});

test('destroy in the middle of everything settles every call and reaps every child', async () => {
  const p = await pool({ workers: 2, standby: 1 });
  const { kernel, x } = await slowIdentity(p, 1000);
  const calls = [
    ...Array.from({ length: 8 }, () => kernel.run(x, p.arena.tensor('fp32', [SIDE, SIDE]))),
    kernel.update(),
    p.compile({ text: scaleProgram(8, 1) }),
  ];
  void p.recycle();
  process.kill(p.stats().workers[0]!.pid, 'SIGKILL');
  const outcomes = Promise.allSettled(calls);
  await p.destroy();
  expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true);
  expect(p.stats().workers).toEqual([]);
});
