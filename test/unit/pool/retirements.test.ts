import type { Budget, Kernel, PoolOptions } from '@mayfly/core/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

afterEach(() => {
  vi.useRealTimers();
});

/** A pool and the retirements that it told of: worker and reason. */
async function open(budget: Partial<Budget>, options: PoolOptions = {}) {
  const under = await SimulatedPool.open({ budget, ...options });
  const retired: string[] = [];
  under.pool.on('workerRetire', ({ worker, reason }) => retired.push(`${worker} ${reason}`));
  return { under, retired };
}

test('by evaluations, finished or failed', async () => {
  const { under, retired } = await open({ evaluations: 4, failures: 5 });
  const kernel = await under.kernel();
  await under.ran(kernel);
  // Fails once, and is repeated.
  under.worker(1).fault = 'dispatch';
  await under.ran(kernel);
  expect(retired).toEqual([]);
  await under.ran(kernel);
  expect(retired).toEqual(['1 evaluations']);
  await under.ran(kernel);
  expect(under.processes).toEqual([2, 3]);
  await under.close();
});

test('by evaluations: what the successor is late for waits at twice the limit', async () => {
  const { under, retired } = await open({ evaluations: 4 });
  const kernel = await under.kernel();
  const runs = Array.from({ length: 30 }, () => under.run(kernel));
  // The standby does not answer: everything stays where it is.
  await under.settle(2);
  expect(retired).toEqual(['1 evaluations']);
  expect(under.pool.stats().workers[0]!.evaluations).toBe(8);
  await under.settle();
  expect(await Promise.all(runs)).toEqual(Array(30).fill('ok'));
  await under.close();
});

test('by evaluations, also where it keeps its kernels until they are updated', async () => {
  const { under, retired } = await open({ compilations: 2, evaluations: 10 });
  const [updated, left] = [await under.kernel(), await under.kernel()];
  const update = updated.update();
  await under.settle();
  await update;
  expect(retired).toEqual(['1 compilations']);
  expect(under.processes).toContain(1);
  for (let count = 0; count < 25; count++) expect(await under.ran(left)).toBe('ok');
  expect(under.processes).not.toContain(1);
  await under.close();
});

test('by age, idle or not', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { under, retired } = await open({ ageMs: 1000 });
  await under.kernel();
  vi.advanceTimersByTime(999);
  expect(retired).toEqual([]);
  vi.advanceTimersByTime(2);
  await under.settle();
  expect(retired[0]).toBe('1 ageMs');
  expect(under.processes).not.toContain(1);
  await under.close();
});

test('by an age beyond what a timer of Node can wait', async () => {
  const day = 86_400_000;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { under, retired } = await open({ ageMs: 60 * day });
  await under.kernel();
  vi.advanceTimersByTime(60 * day - 1);
  expect(retired).toEqual([]);
  vi.advanceTimersByTime(2);
  await under.settle();
  expect(retired[0]).toBe('1 ageMs');
  await under.close();
});

test('a worker that is gone leaves no timer for its age', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { under } = await open({ ageMs: 1000 });
  await under.kernel();
  const timers = vi.getTimerCount();
  for (let count = 0; count < 3; count++) {
    void under.pool.recycle();
    await under.settle();
  }
  expect(under.processes).toEqual([4, 5]);
  expect(vi.getTimerCount()).toBe(timers);
  await under.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('by the bytes that its device holds', async () => {
  const { under, retired } = await open({ residentBytes: 1000 });
  under.worker(1).residentBytes = 999;
  await under.kernel();
  expect(retired).toEqual([]);
  under.worker(1).residentBytes = 1000;
  await under.kernel();
  expect(retired).toEqual(['1 residentBytes']);
  await under.close();
});

/** Runs a kernel so many times, in hundreds. */
async function some(under: SimulatedPool, kernel: Kernel, count: number): Promise<void> {
  for (let done = 0; done < count; done += 100) {
    const runs = Array.from({ length: 100 }, () => under.run(kernel));
    await under.settle();
    await Promise.all(runs);
  }
}

test('by the memory of its process, measured every thousand evaluations', async () => {
  const { under, retired } = await open({ rssBytes: 5e8 });
  const kernel = await under.kernel();
  under.worker(1).memory = (evaluations) => (evaluations < 2500 ? 4e8 : 5e8);
  await some(under, kernel, 2900);
  expect(retired).toEqual([]);
  expect(under.pool.stats().workers[0]).toMatchObject({ rssBytes: 4e8, retirement: null });
  await some(under, kernel, 200);
  expect(retired).toEqual(['1 rssBytes']);
  await under.close();
});

test('by the growth of that memory with its evaluations, not by what it takes at first', async () => {
  const { under, retired } = await open({ rssGrowthBytes: 1e6 });
  const kernel = await under.kernel();
  const grows = (bytes: number) => (evaluations: number) =>
    1e8 + Math.min(evaluations, 1000) * 1e5 + evaluations * bytes;
  under.worker(1).memory = grows(900);
  await some(under, kernel, 9000);
  expect(retired).toEqual([]);
  expect(under.pool.stats().workers[0]!.rssGrowthBytes).toBeCloseTo(9e5, -4);
  void under.pool.recycle();
  await under.settle();
  under.worker(2).memory = grows(1100);
  await some(under, kernel, 4800);
  expect(retired).toEqual(['1 requested']);
  await some(under, kernel, 1000);
  expect(retired).toEqual(['1 requested', '2 rssGrowthBytes']);
  await under.close();
});

test('memory is not measured where no limit asks for it', async () => {
  const { under } = await open({});
  const kernel = await under.kernel();
  const posts = under.simulated.posts;
  await some(under, kernel, 3000);
  expect(under.simulated.posts - posts).toBe(3000);
  await under.close();
});

test('when its evaluations have become slower than its own first thousand by the factor set', async () => {
  const { under, retired } = await open({ slowdown: 1.5 });
  const kernel = await under.kernel();
  const worker = under.worker(1);
  worker.nanoseconds = 1000;
  await some(under, kernel, 1500);
  worker.nanoseconds = 1400;
  await some(under, kernel, 1500);
  expect(retired).toEqual([]);
  worker.nanoseconds = 1700;
  await some(under, kernel, 500);
  expect(retired).toEqual(['1 slowdown']);
  // Its successor is measured against itself.
  under.worker(2).nanoseconds = 5000;
  await some(under, kernel, 1500);
  expect(retired).toHaveLength(1);
  await under.close();
});

test('after a failure of its device; the work is repeated elsewhere', async () => {
  const { under, retired } = await open({});
  const [kernel, other] = [await under.kernel(), await under.kernel()];
  under.worker(1).fault = 'dispatch';
  expect(await under.ran(kernel)).toBe('ok');
  expect(retired).toEqual(['1 failures']);
  expect(await under.ran(other)).toBe('ok');
  expect(under.processes).not.toContain(1);
  await under.close();
});

test.each(['compilations', 'livePrograms'] as const)(
  'out of %s it keeps its kernels until their next update, and no compilation is wasted',
  async (limit) => {
    const { under, retired } = await open({ [limit]: 2 });
    const [a, b] = [await under.kernel(), await under.kernel()];
    const update = outcome(a.update({ w: new Uint8Array([8]) }));
    await under.settle();
    expect(await update).toBe('ok');
    expect(retired).toEqual([`1 ${limit}`]);
    expect(under.pool.stats().workers[0]).toMatchObject({ id: 1, state: 'retiring', kernels: 1 });
    expect(await under.ran(b)).toBe('ok');
    const second = outcome(b.update({ w: new Uint8Array([8]) }));
    await under.settle();
    expect(await second).toBe('ok');
    expect(under.processes).not.toContain(1);
    expect(under.pool.stats().compilations).toBe(4);
    await under.close();
  },
);

test('one at a time: who is due later waits until the process of the first was reaped', async () => {
  const { under, retired } = await open({}, { workers: 3, standby: 3 });
  for (let i = 0; i < 3; i++) await under.kernel();
  void under.pool.recycle();
  await under.settle(1);
  expect(retired).toEqual(['1 requested']);
  await under.settle();
  expect(retired).toEqual(['1 requested', '2 requested', '3 requested']);
  expect(under.processes).not.toEqual(expect.arrayContaining([1]));
  await under.close();
});

test('a worker past a limit that is no danger compiles for the one that leaves, and waits for its turn', async () => {
  const { under, retired } = await open({ evaluations: 3 }, { standby: 0 });
  const [a, b] = [await under.kernel(), await under.kernel()];
  for (let i = 0; i < 2; i++) await under.ran(a);
  const slow = under.run(b);
  under.worker(1).step();
  // Its third evaluation was b's; one more of b's keeps it from leaving.
  const slower = under.run(b);
  expect(await slow).toBe('ok');
  await under.settle(1);
  expect(retired).toEqual(['1 evaluations']);
  const runs = [under.run(a), under.run(a), under.run(a)];
  await under.settle(1);
  expect(await Promise.all(runs)).toEqual(['ok', 'ok', 'ok']);
  const update = outcome(a.update());
  await under.settle(1);
  expect(await update).toBe('ok');
  expect([retired, under.processes]).toEqual([['1 evaluations'], [1, 2]]);
  await under.settle();
  expect(await slower).toBe('ok');
  expect(retired).toEqual(['1 evaluations', '2 evaluations']);
  await under.close();
});

test('where all processes that may be wait for a successor, the oldest makes room for it', async () => {
  const { under, retired } = await open({}, { standby: 0, attempts: 10 });
  const [a, b, c, d] = [await under.kernel(), await under.kernel(), await under.kernel(), await under.kernel()];
  // Worker 1 has to leave and is kept by a run of d, worker 2 by one of b, worker 3 by c.
  const slow = [under.run(d)];
  void under.pool.recycle();
  await under.settle(1);
  const moved: string[] = [];
  under.pool.on('kernelMove', ({ from, reason }) => moved.push(`${reason} from ${from}`));
  slow.push(under.run(a), under.run(b));
  under.worker(2).fault = 'dispatch';
  under.worker(2).step();
  await under.settle(1, 2);
  // Worker 2 has to leave, too, but not before worker 1 has.
  expect(moved).toEqual(['recover from null']);
  const update = outcome(c.update());
  await under.settle(1, 2);
  expect(await update).toBe('ok');
  slow.push(under.run(a));
  under.worker(3).fault = 'dispatch';
  under.worker(3).step();
  await under.settle(1, 2);
  expect(retired).toEqual(['1 requested', '2 failures', '3 failures']);
  expect(under.processes).not.toContain(1);
  await under.settle();
  expect(await Promise.all(slow)).toEqual(['ok', 'ok', 'ok', 'ok']);
  expect(under.simulated.mostProcesses).toBeLessThanOrEqual(3);
  await under.close();
});
