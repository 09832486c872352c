import { createPool, type Pool, type PoolEvents } from '@mayfly/core';
import { Pool as OwnPool, processTransport, resolvePoolOptions } from '@mayfly/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';

/** Every way in which a worker's process can end, at every time of its life. Faults strike from within, on a simulated chip. */
const N = 8;
const open: { destroy(): Promise<void> }[] = [];
afterEach(async () => {
  delete process.env.MAYFLY_SIM_FAULTS;
  for (const each of open.splice(0)) await each.destroy();
});

const endings = [
  { name: 'SIGSEGV', fault: { fault: 'crash' }, end: { exitCode: null, signal: 'SIGSEGV' } },
  { name: 'SIGABRT', fault: { fault: 'abort' }, end: { exitCode: null, signal: 'SIGABRT' } },
  { name: 'exit(0)', fault: { fault: 'exit' }, end: { exitCode: 0, signal: null } },
  { name: 'exit(3)', fault: { fault: 'exit', code: 3 }, end: { exitCode: 3, signal: null } },
];
type Phase = 'open' | 'compile' | 'evaluate' | 'unload';

/** Workers that are started from now on suffer the fault at the first time that they do this. */
function afflict(phase: Phase, fault: object): void {
  process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ [phase]: [{ ...fault, at: 1 }] });
}

/** One worker, and no standby yet. */
async function pool(): Promise<Pool> {
  const made = await createPool({ device: 'sim:m4,no-rules', standby: 0 });
  open.push(made);
  delete process.env.MAYFLY_SIM_FAULTS;
  return made;
}

const exitOf = (from: Pool) => new Promise<PoolEvents['workerExit'][0]>((resolve) => from.once('workerExit', resolve));

async function triples(from: Pool) {
  const kernel = await from.compile({ name: 'triple', text: scaleProgram(N, 3) });
  const [x, y] = [from.arena.tensor('fp32', [1, N]), from.arena.tensor('fp32', [1, N])];
  x.array().fill(2);
  const run = async () => {
    y.array().fill(0);
    await kernel.run(x, y);
    expect([...y.array()]).toEqual(Array(N).fill(6));
  };
  return { kernel, run };
}

describe.each(endings)('a worker that ends by $name', ({ fault, end }) => {
  test('in a dispatch', async () => {
    afflict('evaluate', fault);
    const p = await pool();
    const { run } = await triples(p);
    const exited = exitOf(p);
    await run();
    expect(await exited).toMatchObject({ ...end, expected: false });
    expect(p.stats()).toMatchObject({ deaths: 1, workersStarted: 2, dispatches: 1 });
  });

  test('in a compilation', async () => {
    afflict('compile', fault);
    const p = await pool();
    const exited = exitOf(p);
    const { run } = await triples(p);
    expect(await exited).toMatchObject({ ...end, expected: false });
    await run();
    expect(p.stats()).toMatchObject({ deaths: 1, compilations: 2 });
  });

  test('with nothing to do', async () => {
    afflict('unload', fault);
    const p = await pool();
    const { run } = await triples(p);
    const other = await p.compile({ text: scaleProgram(N, 5) });
    const exited = exitOf(p);
    await other.dispose();
    expect(await exited).toMatchObject({ ...end, expected: false });
    await run();
    expect(p.stats().deaths).toBe(1);
  });

  test('while it starts', async () => {
    const p = await pool();
    const { run } = await triples(p);
    afflict('open', fault);
    p.once('workerStart', () => delete process.env.MAYFLY_SIM_FAULTS);
    const exited = exitOf(p);
    void p.recycle();
    expect(await exited).toMatchObject({ ...end, worker: 2, expected: false });
    await run();
    expect(p.stats().deaths).toBe(1);
  });

  test('while it leaves: that was the last of it anyway', async () => {
    afflict('unload', fault);
    const p = await pool();
    const { run } = await triples(p);
    const exited = exitOf(p);
    void p.recycle();
    await run();
    expect(await exited).toMatchObject({ ...end, worker: 1, expected: true });
    await run();
    expect(p.stats().deaths).toBe(0);
  });
});

test('a worker that hangs while it starts, leaves or unloads is ended at its deadline', async () => {
  const timeouts = { startMs: 2000, exitMs: 200 };
  afflict('unload', { fault: 'hang' });
  const p = await createPool({ device: 'sim:m4,no-rules', standby: 0, timeouts });
  open.push(p);
  afflict('open', { fault: 'hang' });
  p.once('workerStart', () => delete process.env.MAYFLY_SIM_FAULTS);
  const { run } = await triples(p);
  const ends: object[] = [];
  const both = new Promise<void>((resolve) =>
    p.on('workerExit', ({ worker, signal, reason }) => {
      if (ends.push({ worker, signal, reason }) === 2) resolve();
    }),
  );
  void p.recycle();
  await run();
  await both;
  expect(ends).toEqual([
    { worker: 2, signal: 'SIGKILL', reason: 'did not become ready in 2000 ms' },
    { worker: 1, signal: 'SIGKILL', reason: 'did not exit in 200 ms' },
  ]);
  await run();
});

test('a kernel that crashes every worker from within is quarantined with its last end; others go on', async () => {
  process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ evaluate: [{ fault: 'abort', from: 1 }] });
  const p = await createPool({ device: 'sim:m4,no-rules', attempts: 2 });
  open.push(p);
  const { kernel } = await triples(p);
  const [x, y] = [p.arena.tensor('fp32', [1, N]), p.arena.tensor('fp32', [1, N])];
  const quarantined = new Promise<string>((resolve) => p.once('kernelQuarantine', (event) => resolve(event.kernel)));
  await expect(kernel.run(x, y)).rejects.toMatchObject({
    ...{ code: 'ERR_WORKER_EXIT', kernel: 'triple', attempts: 2, exitCode: null, signal: 'SIGABRT' },
  });
  expect(await quarantined).toBe('triple');
  await expect(kernel.update()).rejects.toMatchObject({ code: 'ERR_WORKER_EXIT' });
});

test('the work of a worker whose JavaScript heap is full is repeated, and its stderr gives the reason', async () => {
  const small = ['--max-old-space-size=16', '--max-semi-space-size=1'];
  let starts = 0;
  const made = new OwnPool(resolvePoolOptions({ device: 'cpu', standby: 0 }), (arena) => {
    const [poor, rich] = [processTransport(arena, { execArgv: small }), processTransport(arena)];
    return (settings, handlers) => (starts++ === 0 ? poor : rich)(settings, handlers);
  });
  open.push(made);
  await made.open();
  const exited = new Promise<PoolEvents['workerExit'][0]>((resolve) => made.once('workerExit', resolve));
  // As many weight files as do not fit into 16 MiB of JavaScript objects.
  const folder = 'weights'.repeat(100);
  const files = Array.from({ length: 30_000 }, (_, n) => [`${folder}/${n}.bin`, { offset: 0, bytes: 64 }] as const);
  await made.compile({ name: 'many', text: scaleProgram(N, 3), weights: Object.fromEntries(files) });
  const { signal, lastWords, expected } = await exited;
  expect({ signal, expected }).toEqual({ signal: 'SIGABRT', expected: false });
  expect(lastWords).toMatch(/JavaScript heap out of memory/);
  expect(made.stats()).toMatchObject({ deaths: 1, compilations: 2 });
});
