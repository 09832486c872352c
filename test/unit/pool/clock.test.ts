import { Clock } from '@mayfly/core/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

const HOURS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A clock, and a way to let time pass in which this process does not run. */
function stoppable() {
  let stopped = 0;
  const clock = new Clock(() => performance.now() + stopped);
  const stop = (milliseconds: number) => {
    stopped += milliseconds;
  };
  return { clock, stop };
}

/** What the event loop has to do, is done. */
const turns = async () => {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

test.each([50, 700, 30_000, 90 * 24 * HOURS])(
  'a deadline of %i ms is due then and not before',
  async (milliseconds) => {
    const { clock } = stoppable();
    const due = vi.fn();
    clock.after(milliseconds, due);
    vi.advanceTimersByTime(milliseconds - 1);
    await turns();
    expect(due).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(due, 'the event loop delivers what has arrived first').not.toHaveBeenCalled();
    await turns();
    expect(due).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  },
);

test.each([50, 700, 30_000])('time in which this process does not run is no part of %i ms', async (milliseconds) => {
  const { clock, stop } = stoppable();
  const due = vi.fn();
  clock.after(milliseconds, due);
  vi.advanceTimersByTime(milliseconds / 2);
  stop(8 * HOURS);
  vi.advanceTimersByTime(milliseconds / 2 - 1);
  await turns();
  stop(8 * HOURS);
  vi.advanceTimersByTime(1);
  await turns();
  expect(due).not.toHaveBeenCalled();
  vi.advanceTimersByTime(milliseconds + 1000);
  await turns();
  expect(due).toHaveBeenCalledOnce();
});

test('a process that never runs for longer than a moment still comes to an end of its patience', async () => {
  const { clock, stop } = stoppable();
  const due = vi.fn();
  clock.after(2000, due);
  let stalls = 0;
  for (; due.mock.calls.length === 0 && stalls < 100; stalls++) {
    stop(3000);
    vi.advanceTimersByTime(250);
    await turns();
  }
  expect(stalls).toBeGreaterThan(4);
  expect(due).toHaveBeenCalledOnce();
});

test('nor does time count in which it does not run while a deadline is judged', async () => {
  const { clock, stop } = stoppable();
  const began = clock.now();
  let judged = 0;
  clock.after(1000, () => {
    judged = clock.now() - began;
  });
  vi.advanceTimersByTime(1000);
  stop(8 * HOURS);
  await turns();
  expect(judged).toBeGreaterThanOrEqual(1000);
  expect(judged).toBeLessThan(2000);
});

test('what is cancelled while the event loop delivers what has arrived is not due', async () => {
  const { clock } = stoppable();
  const due = vi.fn();
  const deadline = clock.after(100, due);
  vi.advanceTimersByTime(100);
  deadline.cancel();
  await turns();
  expect(due).not.toHaveBeenCalled();
});

test('of several, each is due at its own time; one that throws holds none of them up', async () => {
  const { clock } = stoppable();
  const due: number[] = [];
  for (const milliseconds of [900, 100, 2000]) clock.after(milliseconds, () => due.push(milliseconds));
  clock.after(Number.POSITIVE_INFINITY, () => due.push(-1));
  for (let ms = 0; ms < 2000; ms += 100) {
    vi.advanceTimersByTime(100);
    await turns();
  }
  expect(due).toEqual([100, 900, 2000]);
});

const deadlines = {
  dispatch: (under: SimulatedPool) => under.kernel().then((kernel) => hangs(under, () => under.run(kernel))),
  compile: (under: SimulatedPool) =>
    hangs(under, () => outcome(under.pool.compile({ text: '', weights: { w: new Uint8Array([1]) } }))),
};
/** Asks while worker 1 does nothing. */
async function hangs(under: SimulatedPool, ask: () => Promise<string>) {
  under.worker(1).hung = true;
  const asked = ask();
  await turns();
  return asked.then((result) => result);
}

test.each(Object.keys(deadlines) as (keyof typeof deadlines)[])(
  'a night in the middle of a %s is nobody’s fault',
  async (kind) => {
    const { clock, stop } = stoppable();
    const under = await SimulatedPool.open({}, clock);
    let settled: string | null = null;
    void deadlines[kind](under).then((result) => {
      settled = result;
    });
    await under.settle();
    vi.advanceTimersByTime(1500);
    stop(8 * HOURS);
    vi.advanceTimersByTime(300);
    await turns();
    expect(under.worker(1).alive).toBe(true);
    under.worker(1).hung = false;
    await under.settle();
    expect(settled).toBe('ok');
    expect(under.pool.stats()).toMatchObject({ deaths: 0, pending: 0 });
    await under.close();
  },
);

test('a night in the middle of close() leaves what was called its time', async () => {
  const { clock, stop } = stoppable();
  const under = await SimulatedPool.open({ timeouts: { closeMs: 700 } }, clock);
  const kernel = await under.kernel();
  under.worker(1).hung = true;
  const run = under.run(kernel);
  const closed = under.pool.close();
  await turns();
  stop(8 * HOURS);
  vi.advanceTimersByTime(400);
  await turns();
  under.worker(1).hung = false;
  await under.settle();
  await closed;
  expect(await run).toBe('ok');
});
