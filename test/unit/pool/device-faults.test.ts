import { afterEach, expect, test, vi } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

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
  for (const kernel of [bad, good]) expect(await under.ran(kernel)).toBe('ok');
  const quarantined: string[] = [];
  under.pool.on('kernelQuarantine', (event) => quarantined.push(event.kernel));
  const run = under.run(bad);
  await settle(under, true);
  expect(await run).toBe('ERR_KERNEL_QUARANTINED');
  expect(quarantined).toEqual([bad.name]);
  await settle(under, false);
  expect(await under.ran(good)).toBe('ok');
  expect(await under.run(bad)).toBe('ERR_KERNEL_QUARANTINED');
  expect(await under.ran(await under.kernel()), 'the program may be compiled again').toBe('ok');
  await under.close();
});

test('a device that fails different programs that had worked, on fresh workers, stops the pool, which says what to do', async () => {
  const under = await SimulatedPool.open({ attempts: 2 });
  const kernels = [await under.kernel('a'), await under.kernel('b'), await under.kernel('c')];
  for (const kernel of kernels) expect(await under.ran(kernel)).toBe('ok');
  const runs = kernels.map((each) => under.run(each));
  await settle(under, true);
  expect(await Promise.all(runs)).toContain('ERR_DEVICE_STUCK');
  expect(await outcome(under.pool.compile({ text: '' }))).toBe('ERR_DEVICE_STUCK');
  const destroyed = under.pool.destroy();
  await settle(under, false);
  await destroyed;
});

test('one program that no longer works is no reason to stop others', async () => {
  const under = await SimulatedPool.open({ attempts: 2 });
  const kernels = [await under.kernel('a'), await under.kernel('a'), await under.kernel('a')];
  for (const kernel of kernels) expect(await under.ran(kernel)).toBe('ok');
  const runs = kernels.map((each) => under.run(each));
  await settle(under, true);
  expect(await Promise.all(runs)).toEqual(Array(3).fill('ERR_KERNEL_QUARANTINED'));
  await settle(under, false);
  expect(await under.ran(await under.kernel('b'))).toBe('ok');
  await under.close();
});

/** What a pool did about its workers: nothing, where a caller is at fault. */
const costs = ({ pool, simulated }: SimulatedPool) => {
  const { workersStarted, retirements, deaths, workers } = pool.stats();
  return {
    ...{ workersStarted, retirements, deaths, started: simulated.workers.length },
    failures: workers.map((worker) => worker.failures),
  };
};

test.each([
  ['is no MIL', 'ERR_MIL_SYNTAX'],
  ['has a bad weight file', 'ERR_WEIGHT_BLOB'],
])('a program that %s is rejected at once, and costs nothing', async (text, code) => {
  const under = await SimulatedPool.open({ workers: 2 });
  const good = await under.kernel();
  const before = [costs(under), under.pool.stats().compilations];
  for (let i = 0; i < 10; i++) {
    const compiled = outcome(under.pool.compile({ text }));
    await under.settle();
    expect(await compiled).toBe(code);
  }
  expect([costs(under), under.pool.stats().compilations]).toEqual(before);
  expect(under.pool.stats().workers.map((worker) => worker.compilations)).toEqual([1, 0, 0]);
  expect(await under.ran(good)).toBe('ok');
  await under.close();
});

test('data that a program cannot take reject the call, and cost nothing', async () => {
  const under = await SimulatedPool.open({});
  const [kernel, good] = [await under.kernel('is given bad data'), await under.kernel()];
  const before = costs(under);
  for (let i = 0; i < 10; i++) expect(await under.ran(kernel)).toBe('ERR_INPUT_DATA');
  expect(costs(under)).toEqual(before);
  expect(await under.ran(good)).toBe('ok');
  await under.close();
});

test.each([
  [1, 1],
  [1, 2],
  [3, 1],
])('programs that %s worker(s) and %s standby refuse cost none of them, and stop nobody', async (workers, standby) => {
  const under = await SimulatedPool.open({ workers, standby });
  const good = await under.kernel();
  expect(await under.ran(good)).toBe('ok');
  const before = costs(under);
  for (let i = 0; i < 5; i++) {
    const weights = { w: new Uint8Array([100 + i]) };
    const compiled = outcome(under.pool.compile({ text: 'is not compiled', weights }));
    const evaluated = under.pool.compile({ text: 'is not evaluated', weights });
    await under.settle();
    expect(await compiled).toBe('ERR_PROGRAM_REFUSED');
    const runs = [under.run(await evaluated), under.run(await evaluated), under.run(await evaluated)];
    await under.settle();
    expect(await Promise.all(runs)).toEqual(Array(3).fill('ERR_PROGRAM_REFUSED'));
  }
  expect(costs(under)).toEqual(before);
  expect(under.pool.stats().workers.filter(({ state }) => state === 'serving')).toHaveLength(workers);
  expect(under.pool.stats().workers.reduce((sum, { kernels }) => sum + kernels, 0)).toBe(1);
  expect(await under.ran(good)).toBe('ok');
  await under.close();
});

test('without a standby one worker makes room for the second opinion', async () => {
  const under = await SimulatedPool.open({ standby: 0 });
  const good = await under.kernel();
  for (const weight of [1, 2]) {
    const compiled = outcome(under.pool.compile({ text: 'is not compiled', weights: { w: new Uint8Array([weight]) } }));
    await under.settle();
    expect(await compiled).toBe('ERR_PROGRAM_REFUSED');
  }
  expect(under.pool.stats()).toMatchObject({ retirements: 2, deaths: 0 });
  expect(await under.ran(good)).toBe('ok');
  await under.close();
});

test('a refused program is remembered, text and weights, until the workers are rotated', async () => {
  const under = await SimulatedPool.open({});
  const compile = async (text: string, weight: number) => {
    const compiled = outcome(under.pool.compile({ text, weights: { w: new Uint8Array([weight]) } }));
    await under.settle();
    return [await compiled, under.pool.stats().compilations];
  };
  expect(await compile('is not compiled', 1)).toEqual(['ERR_PROGRAM_REFUSED', 2]);
  expect(await compile('is not compiled', 1)).toEqual(['ERR_PROGRAM_REFUSED', 2]);
  expect(await compile('is not compiled', 2)).toEqual(['ERR_PROGRAM_REFUSED', 4]);
  void under.pool.recycle();
  await under.settle();
  expect(await compile('is not compiled', 1)).toEqual(['ERR_PROGRAM_REFUSED', 6]);
  await under.close();
});

test.each(['compile', 'dispatch'] as const)(
  'a worker whose device fails a new program that another takes retires: %s',
  async (fault) => {
    const under = await SimulatedPool.open({});
    const retired: string[] = [];
    under.pool.on('workerRetire', ({ worker, reason }) => retired.push(`${worker} ${reason}`));
    const good = await under.kernel();
    if (fault === 'compile') under.worker(1).fault = fault;
    const kernel = await under.kernel('new');
    if (fault === 'dispatch') under.worker(1).fault = fault;
    expect(await under.ran(kernel)).toBe('ok');
    expect(retired).toEqual(['1 failures']);
    expect(under.processes).not.toContain(1);
    expect(await under.ran(good)).toBe('ok');
    expect(under.pool.stats().workers.map(({ state, kernels }) => [state, kernels])).toEqual([
      ['serving', 2],
      ['standby', 0],
    ]);
    await under.close();
  },
);

test('an update that the device refuses leaves the kernel as it was', async () => {
  const under = await SimulatedPool.open({});
  const kernel = await under.kernel();
  expect(await under.ran(kernel)).toBe('ok');
  const quarantined: string[] = [];
  under.pool.on('kernelQuarantine', (event) => quarantined.push(event.kernel));
  const update = outcome(kernel.update({ w: new Uint8Array([9]) }));
  for (let turn = 0; turn < 30; turn++) {
    for (const worker of under.simulated.processes) worker.fault = 'compile';
    await under.simulated.settle(true);
  }
  expect(await update).toBe('ERR_KERNEL_QUARANTINED');
  for (const worker of under.simulated.processes) worker.fault = null;
  expect(await under.ran(kernel)).toBe('ok');
  expect(quarantined).toEqual([]);
  await under.close();
});

test('programs that end every worker they are tried on stop nobody else', async () => {
  const under = await SimulatedPool.open({ workers: 1, standby: 1, pacing: { backoffMs: 0, maxDeaths: 5 } });
  const [good, ...bad] = [await under.kernel(), await under.kernel(), await under.kernel(), await under.kernel()];
  expect(await under.ran(good!)).toBe('ok');
  under.simulated.onDispatch = (worker) => worker.die(null, 'SIGSEGV');
  for (const kernel of bad) expect(await under.ran(kernel)).toBe('ERR_WORKER_EXIT');
  under.simulated.onDispatch = () => {};
  expect(await under.ran(good!)).toBe('ok');
  await under.close();
});

test('workers that die in a row without any work done between are not waited for any longer', async () => {
  const under = await SimulatedPool.open({ standby: 0, pacing: { backoffMs: 0, maxDeaths: 4 } });
  const kernel = await under.kernel();
  expect(await under.ran(kernel)).toBe('ok');
  const run = under.run(kernel);
  under.pool.on('workerReady', ({ worker }) => under.worker(worker).die(9, null));
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
