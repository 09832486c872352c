import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise<void>((resolve) => setImmediate(resolve));
  return done;
}

/** A pool, a kernel on worker 1, and who ended why. */
async function open(abandonMs: number) {
  const under = await SimulatedPool.open({ attempts: 1, timeouts: { abandonMs, dispatchMs: 60_000 } });
  const ends: object[] = [];
  under.pool.on('workerExit', ({ worker, reason, expected }) => ends.push({ worker, reason, expected }));
  return { under, kernel: await under.kernel(), ends };
}
const reason = Object.assign(new Error('enough'), { code: 'ENOUGH' });

test('a run that waits in the queue is not sent', async () => {
  const { under, kernel } = await open(1000);
  const update = outcome(kernel.update());
  const abort = new AbortController();
  const waits = under.run(kernel, { signal: abort.signal });
  abort.abort(reason);
  expect(await waits).toBe('ENOUGH');
  await under.settle();
  expect(await update).toBe('ok');
  expect(under.pool.stats()).toMatchObject({ pending: 0, dispatches: 0 });
  await under.close();
});

test('a run that is answered soon after costs nobody anything', async () => {
  const { under, kernel, ends } = await open(1000);
  const abort = new AbortController();
  const [first, second] = [under.run(kernel, { signal: abort.signal }), under.run(kernel)];
  abort.abort(reason);
  vi.advanceTimersByTime(999);
  expect(await settled(first), 'the worker may still write its output').toBe(false);
  under.worker(1).step();
  expect(await settled(first)).toBe(true);
  await under.settle();
  expect([await first, await second]).toEqual(['ENOUGH', 'ok']);
  vi.advanceTimersByTime(5000);
  expect([ends, under.pool.stats().deaths]).toEqual([[], 0]);
  await under.close();
});

test('a run that takes longer ends its worker: what waited behind it is done elsewhere', async () => {
  const { under, kernel, ends } = await open(1000);
  under.worker(1).hung = true;
  const abort = new AbortController();
  const [first, second] = [under.run(kernel, { signal: abort.signal }), under.run(kernel)];
  vi.advanceTimersByTime(5000);
  abort.abort(reason);
  vi.advanceTimersByTime(999);
  await under.settle();
  expect([await settled(first), ends]).toEqual([false, []]);
  vi.advanceTimersByTime(1);
  await under.settle();
  expect([await first, await second]).toEqual(['ENOUGH', 'ok']);
  expect(ends).toEqual([{ worker: 1, reason: 'no answer to an abandoned dispatch in 1000 ms', expected: true }]);
  // It was nobody's fault: neither the kernel's nor the worker's.
  expect(under.pool.stats()).toMatchObject({ deaths: 0, pending: 0 });
  for (let i = 0; i < 5; i++) expect(await under.ran(kernel)).toBe('ok');
  await under.close();
});

test('its time runs from when the worker comes to it', async () => {
  const { under, kernel, ends } = await open(1000);
  const abort = new AbortController();
  const [first, second] = [under.run(kernel), under.run(kernel, { signal: abort.signal })];
  abort.abort(reason);
  vi.advanceTimersByTime(3000);
  under.worker(1).step();
  expect(await first).toBe('ok');
  under.worker(1).hung = true;
  vi.advanceTimersByTime(999);
  expect(under.worker(1).alive).toBe(true);
  expect(await settled(second)).toBe(false);
  vi.advanceTimersByTime(1);
  await under.settle();
  expect(await second).toBe('ENOUGH');
  expect(ends).toHaveLength(1);
  await under.close();
});

test('without a limit it may take its time', async () => {
  const { under, kernel, ends } = await open(Number.POSITIVE_INFINITY);
  under.worker(1).hung = true;
  const abort = new AbortController();
  const run = under.run(kernel, { signal: abort.signal });
  abort.abort(reason);
  vi.advanceTimersByTime(59_000);
  await under.settle();
  expect([await settled(run), ends]).toEqual([false, []]);
  under.worker(1).hung = false;
  expect(await under.ran(kernel)).toBe('ok');
  expect(await run).toBe('ENOUGH');
  await under.close();
});

test('a worker that was given up may write late: its runs settle when it is gone, whoever gave up on what', async () => {
  const { under, kernel } = await open(1000);
  const abort = new AbortController();
  Object.assign(under.worker(1), { hung: true, late: true });
  const aborted = under.run(kernel, { signal: abort.signal });
  const cut = under.run(kernel);
  abort.abort(reason);
  vi.advanceTimersByTime(1000);
  await new Promise<void>((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
  expect(under.worker(1).alive).toBe(false);
  void under.pool.destroy();
  expect(await settled(aborted)).toBe(false);
  expect(await settled(cut)).toBe(false);
  await under.settle();
  expect(under.worker(1).reaped).toBe(true);
  expect([await aborted, await cut]).toEqual(['ENOUGH', 'ERR_POOL_CLOSED']);
});

test('any number of calls may have one signal', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const { under, kernel } = await open(1000);
  const abort = new AbortController();
  const { signal } = abort;
  const calls = Array.from({ length: 40 }, () => [
    under.run(kernel, { signal }),
    outcome(kernel.update({ w: new Uint8Array([8]) }, { signal })),
    outcome(under.pool.compile({ text: '', weights: { w: new Uint8Array([3]) } }, { signal })),
  ]).flat();
  abort.abort(reason);
  await under.settle();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['ENOUGH']));
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  await under.close();
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

test('a compilation that is given up leaves no program behind', async () => {
  const { under, ends } = await open(1000);
  const abort = new AbortController();
  const compiling = outcome(
    under.pool.compile({ text: '', weights: { w: new Uint8Array([3]) } }, { signal: abort.signal }),
  );
  abort.abort(reason);
  expect(await compiling).toBe('ENOUGH');
  await under.settle();
  expect([...under.worker(1).programs.values()]).toEqual([7]);
  expect([ends, under.pool.stats().pending]).toEqual([[], 0]);
  await under.close();
});

test('an update that is given up is carried out all the same: runs called after it see its weights', async () => {
  const { under, kernel } = await open(1000);
  const abort = new AbortController();
  const update = outcome(kernel.update({ w: new Uint8Array([8]) }, { signal: abort.signal }));
  abort.abort(reason);
  expect(await update).toBe('ENOUGH');
  expect(await under.ran(kernel)).toBe('ok');
  expect(under.simulated.seen.get(under.tensor.offset)?.at(-1)?.weight).toBe(8);
  await under.close();
});

test('a signal that was given before is an error at once, and asks nobody for anything', async () => {
  const { under, kernel } = await open(1000);
  const signal = AbortSignal.abort(reason);
  expect(await under.run(kernel, { signal })).toBe('ENOUGH');
  expect(await outcome(kernel.update({}, { signal }))).toBe('ENOUGH');
  expect(await outcome(under.pool.compile({ text: '' }, { signal }))).toBe('ENOUGH');
  expect(under.pool.stats()).toMatchObject({ pending: 0, compilations: 1 });
  await under.close();
});
