import { afterEach, expect, test, vi } from 'vitest';
import { outcome, SimulatedPool } from './simulated-pool.js';

afterEach(() => {
  vi.useRealTimers();
});

/** Every device fails every dispatch while `failing`. */
async function settle({ simulated }: SimulatedPool, failing: boolean) {
  for (let turn = 0; turn < 30; turn++) {
    for (const worker of simulated.processes) worker.fault = failing ? 'dispatch' : null;
    await simulated.settle(failing);
  }
}

test('a kernel that the device fails on several workers is quarantined; others go on', async () => {
  const under = await SimulatedPool.open({ attempts: 2 });
  const [bad, good] = [await under.kernel(), await under.kernel()];
  const quarantined: string[] = [];
  under.pool.on('kernel-quarantine', (event) => quarantined.push(event.kernel));
  const run = under.run(bad);
  await settle(under, true);
  expect(await run).toBe('ERR_KERNEL_QUARANTINED');
  expect(quarantined).toEqual([bad.name]);
  await settle(under, false);
  expect(await under.ran(good)).toBe('ok');
  expect(await under.run(bad)).toBe('ERR_KERNEL_QUARANTINED');
  await under.close();
});

test('a device that fails whatever is asked on fresh workers stops the pool, which says what to do', async () => {
  const under = await SimulatedPool.open({ attempts: 2 });
  const kernels = [await under.kernel(), await under.kernel(), await under.kernel()];
  const runs = kernels.map((each) => under.run(each));
  await settle(under, true);
  expect(await Promise.all(runs)).toContain('ERR_DEVICE_STUCK');
  expect(await outcome(under.pool.compile({ text: '' }))).toBe('ERR_DEVICE_STUCK');
  const destroyed = under.pool.destroy();
  await settle(under, false);
  await destroyed;
});

test('workers that die in a row without any work done between are not waited for any longer', async () => {
  const under = await SimulatedPool.open({ standby: 0, pacing: { backoffMs: 0, maxDeaths: 4 } });
  const kernel = await under.kernel();
  const run = under.run(kernel);
  under.pool.on('worker-ready', ({ worker }) => under.worker(worker).die(9, null));
  under.worker(1).die(null, 'SIGSEGV');
  await under.settle();
  expect(await run).toBe('ERR_POOL_FAILED');
  expect(under.simulated.workers).toHaveLength(4);
  await expect(under.pool.compile({ text: '' })).rejects.toThrow(
    /4 workers died in a row; the last: worker 4 .*exited with code 9/,
  );
  await under.pool.destroy();
});

test('a standby that cannot be had is not asked for again and again while others work', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const under = await SimulatedPool.open({ pacing: { backoffMs: 100, maxBackoffMs: 1000, maxDeaths: 3 } });
  const kernel = await under.kernel();
  under.simulated.refusals = Number.POSITIVE_INFINITY;
  const tries = () => under.simulated.refused;
  under.worker(2).die(1, null);
  for (let i = 0; i < 50; i++) expect(await under.ran(kernel)).toBe('ok');
  expect(tries()).toBe(1);
  for (const [milliseconds, tried] of [
    [100, 2],
    [200, 3],
    [400, 4],
    [800, 5],
    [1000, 6],
    [1000, 7],
  ] as const) {
    await vi.advanceTimersByTimeAsync(milliseconds - 1);
    expect(await under.ran(kernel)).toBe('ok');
    expect(tries()).toBeLessThan(tried);
    await vi.advanceTimersByTimeAsync(1);
    await under.settle();
    expect(tries()).toBe(tried);
  }
  under.simulated.refusals = 0;
  await vi.advanceTimersByTimeAsync(1000);
  await under.settle();
  expect(under.processes).toHaveLength(2);
  await under.close();
});

test('a start that the system refuses is tried again, and work goes on', async () => {
  const under = await SimulatedPool.open({ pacing: { backoffMs: 0 } });
  const kernel = await under.kernel();
  under.simulated.refusals = 2;
  under.worker(1).die(null, 'SIGKILL');
  expect(await under.ran(kernel)).toBe('ok');
  under.worker(2).die(null, 'SIGKILL');
  expect(await under.ran(kernel)).toBe('ok');
  await under.close();
});
