import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('close finishes what was called, compilations too, and takes nothing more', async () => {
  const under = await SimulatedPool.open({});
  const kernel = await under.kernel();
  const calls = [under.run(kernel), outcome(kernel.update()), outcome(under.pool.compile(program)), under.run(kernel)];
  const closed = under.pool.close();
  expect(under.pool.close()).toBe(closed);
  expect(
    await Promise.all([under.run(kernel), outcome(kernel.update()), outcome(under.pool.compile(program))]),
  ).toEqual(Array(3).fill('ERR_POOL_CLOSED'));
  await under.settle();
  expect(await Promise.all(calls)).toEqual(Array(4).fill('ok'));
  await closed;
  expect(under.processes).toEqual([]);
});

test('what has not settled by its deadline is cut short with an error that says so', async () => {
  const under = await SimulatedPool.open({ timeouts: { closeMs: 700, dispatchMs: 60_000 } });
  const kernel = await under.kernel();
  under.worker(1).hung = true;
  const run = kernel.run(under.tensor, under.tensor);
  const second = under.run(kernel);
  const told = expect(run).rejects.toThrow(/2 calls had not settled 700 ms after close\(\)/);
  let closed = false;
  void under.pool.close().then(() => {
    closed = true;
  });
  await under.settle();
  vi.advanceTimersByTime(699);
  await under.settle();
  expect([closed, under.pool.stats().pending]).toEqual([false, 2]);
  vi.advanceTimersByTime(1);
  await under.settle();
  await told;
  expect(await second).toBe('ERR_POOL_CLOSED');
  expect([closed, under.processes]).toEqual([true, []]);
});

test('destroy cuts a close short; both settle when the last process was reaped, and not before', async () => {
  const under = await SimulatedPool.open({ workers: 2 });
  const kernel = await under.kernel();
  const run = under.run(kernel);
  const settled: string[] = [];
  void under.pool.close().then(() => settled.push('close'));
  void under.pool.destroy().then(() => settled.push('destroy'));
  expect(under.pool.destroy()).toBe(under.pool.destroy());
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(settled).toEqual([]);
  expect(under.processes).toHaveLength(3);
  await under.settle();
  expect(await run).toBe('ERR_POOL_CLOSED');
  expect(settled.sort()).toEqual(['close', 'destroy']);
  expect(under.processes).toEqual([]);
});

test('a worker that does not exit when it is told to is killed', async () => {
  const under = await SimulatedPool.open({ timeouts: { exitMs: 300 } });
  under.worker(2).hung = true;
  const ends: (string | null)[] = [];
  under.pool.on('workerExit', ({ reason }) => ends.push(reason));
  const closed = under.pool.close();
  await under.settle();
  expect(ends).toEqual([null]);
  vi.advanceTimersByTime(300);
  await under.settle();
  await closed;
  expect(ends).toEqual([null, 'no answer to retire in 300 ms']);
});

test('a deadline that a timer cannot hold is refused', () => {
  for (const timeouts of [{ startMs: 0 }, { dispatchMs: 1e12 }, { exitMs: Number.POSITIVE_INFINITY }])
    expect(() => new SimulatedPool({ timeouts })).toThrow(/Expected timeouts\.\w+ to be milliseconds from 1 to/);
  expect(() => new SimulatedPool({ timeouts: { closeMs: Number.POSITIVE_INFINITY } })).not.toThrow();
});

const program = { text: '', weights: { w: new Uint8Array([9]) } };
