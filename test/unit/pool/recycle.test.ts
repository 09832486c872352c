import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';
import { mistakes } from '../../fixtures/simulated-worker.js';

/** Recycles the pool. Says whether that has settled. */
function recycle({ pool }: SimulatedPool): { settled: boolean } {
  const outcome = { settled: false };
  void pool.recycle().then(() => {
    outcome.settled = true;
  });
  return outcome;
}

test('recycling settles when every worker that served was reaped and others are ready', async () => {
  const under = await SimulatedPool.open({ workers: 2, standby: 0 });
  const kernels = [await under.kernel(), await under.kernel()];
  const outcome = recycle(under);
  for (let steps = 0; !outcome.settled; steps++) {
    expect(steps).toBeLessThan(100);
    for (const worker of under.simulated.processes) worker.step();
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (under.processes.some((id) => id <= 2)) expect(outcome.settled).toBe(false);
  }
  const { workers } = under.pool.stats();
  expect(workers.map(({ state }) => state)).toEqual(['serving', 'serving']);
  expect(under.processes).toEqual([3, 4]);
  for (const kernel of kernels) expect(await under.ran(kernel)).toBe('ok');
  await under.close();
});

test('a worker that still evaluates is waited for', async () => {
  const under = await SimulatedPool.open({});
  const kernel = await under.kernel();
  const run = under.run(kernel);
  const outcome = recycle(under);
  await under.settle(1);
  expect([outcome.settled, under.processes]).toEqual([false, [1, 2, 3]]);
  await under.settle();
  expect([outcome.settled, under.processes, await run]).toEqual([true, [2, 3], 'ok']);
  await under.close();
});

test.each(['close', 'destroy'] as const)('it settles where %s ends the pool before', async (end) => {
  const under = await SimulatedPool.open({ standby: 0 });
  await under.kernel();
  const outcome = recycle(under);
  const ended = under.pool[end]();
  await under.settle();
  await ended;
  await under.settle();
  expect([outcome.settled, under.processes]).toEqual([true, []]);
});

/** From now on the compiler answers so to programs of this text. */
function refuse(text: string, code: string): void {
  mistakes[text] = { code, message: 'refused' };
  onTestFinished(() => {
    delete mistakes[text];
  });
}

test.each([
  ['ERR_ANE_COMPILE', 0, 'ERR_PROGRAM_REFUSED'],
  ['ERR_ANE_COMPILE', 1, 'ERR_PROGRAM_REFUSED'],
  ['ERR_ANE_LOAD', 0, 'ERR_KERNEL_QUARANTINED'],
  ['ERR_WEIGHT_BLOB', 1, 'ERR_WEIGHT_BLOB'],
])('it settles where fresh workers answer %s to a program, with %s standby', async (code, standby, given) => {
  const under = await SimulatedPool.open({ standby });
  const [bad, updated, good] = [await under.kernel('once'), await under.kernel('once'), await under.kernel()];
  for (const kernel of [bad, updated, good]) expect(await under.ran(kernel)).toBe('ok');
  refuse('once', code);
  const outcomes = recycle(under);
  const update = outcome(updated.update());
  const run = under.run(good);
  await under.settle();
  expect(outcomes.settled).toBe(true);
  expect([await under.ran(bad), await under.until(update), await under.until(run)]).toEqual([given, given, 'ok']);
  expect(under.processes).not.toContain(1);
  const { workersStarted } = under.pool.stats();
  expect(workersStarted, 'none is started in vain').toBeLessThan(12);
  // The pool goes on.
  expect(await under.ran(await under.kernel('new'))).toBe('ok');
  expect(await under.ran(good)).toBe('ok');
  await under.close();
  expect(under.pool.stats()).toMatchObject({ workersStarted, deaths: 0, pending: 0 });
});

test('a pool that ended has nothing to recycle', async () => {
  const under = await SimulatedPool.open({});
  await under.close();
  await under.pool.recycle();
  expect(under.processes).toEqual([]);
});

test('a pool says whether it is closed or destroyed', async () => {
  const { pool, ...under } = await SimulatedPool.open({});
  const state = () => [pool.closed, pool.destroyed];
  expect(state()).toEqual([false, false]);
  const closed = pool.close();
  expect(state()).toEqual([true, false]);
  const destroyed = pool.destroy();
  expect(state()).toEqual([true, true]);
  await under.simulated.settle();
  await Promise.all([closed, destroyed]);
});

test('its inspection shows device, state and workers', async () => {
  const under = await SimulatedPool.open({ device: 'cpu', budget: { evaluations: 3 } });
  const kernel = await under.kernel();
  for (let count = 0; count < 2; count++) await under.ran(kernel);
  const [serving, standby] = under.pool.stats().workers.map(({ pid }) => pid);
  expect(inspect(under.pool)).toBe(
    [
      'Pool (device cpu, open)',
      `  worker 1 (pid ${serving}) serving: kernels 1, compilations 1, evaluations 2`,
      `  worker 2 (pid ${standby}) standby: kernels 0, compilations 0, evaluations 0`,
    ].join('\n'),
  );
  await under.close();
  expect(inspect({ pool: under.pool })).toBe('{ pool: Pool (device cpu, closed) }');
});

test("a kernel's statistics are those that the pool has of it", async () => {
  const under = await SimulatedPool.open({});
  const [kernel, other] = [await under.kernel(), await under.kernel()];
  for (let count = 0; count < 3; count++) await under.ran(kernel);
  expect([kernel.stats(), other.stats()]).toEqual(under.pool.stats().kernels);
  expect(kernel.stats()).toMatchObject({ name: kernel.name, worker: 1, evaluation: { count: 3 } });
  await under.close();
});
