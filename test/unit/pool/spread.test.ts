import type { Kernel } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { outcome, SimulatedPool } from '../../fixtures/simulated-pool.js';

const compiled = async (under: SimulatedPool, count: number) => {
  const kernels: Kernel[] = [];
  for (let i = 0; i < count; i++) kernels.push(await under.kernel());
  return kernels;
};
/** Kernels of each serving worker, in ascending order, and how many workers stand by. */
const places = ({ pool }: SimulatedPool) => {
  const { workers } = pool.stats();
  const serving = workers.filter(({ state }) => state === 'serving').map(({ kernels }) => kernels);
  return { serving: serving.sort(), standby: workers.filter(({ state }) => state === 'standby').length };
};
const ranAll = async (under: SimulatedPool, kernels: readonly Kernel[]) => {
  for (const kernel of kernels) expect(await under.ran(kernel)).toBe('ok');
};

test.each([0, 2])(
  'workers that took over a dead one’s kernels give some to its successor (%s standby)',
  async (standby) => {
    const under = await SimulatedPool.open({ workers: 3, standby, pacing: { backoffMs: 0 } });
    const kernels = await compiled(under, 6);
    expect(places(under)).toEqual({ serving: [2, 2, 2], standby });
    under.worker(1).die(null, 'SIGKILL');
    under.worker(2).die(null, 'SIGKILL');
    await under.settle();
    expect(places(under)).toEqual({ serving: [2, 2, 2], standby });
    await ranAll(under, kernels);
    expect(under.pool.stats()).toMatchObject({ deaths: 2, stalledMs: { spread: 0 } });
    await under.close();
  },
);

test('each move takes one compilation, and none is made for a difference of one', async () => {
  const under = await SimulatedPool.open({ workers: 2, standby: 0, pacing: { backoffMs: 0 } });
  const kernels = await compiled(under, 4);
  const moves: string[] = [];
  under.pool.on('kernelMove', ({ from, to, reason }) => moves.push(`${reason} ${from} ${to}`));
  under.worker(1).die(null, 'SIGKILL');
  await under.settle();
  expect(moves.sort()).toEqual(['recover null 2', 'recover null 2', 'spread 2 3', 'spread 2 3']);
  await kernels[0]!.dispose();
  await under.settle();
  expect(moves).toHaveLength(4);
  await ranAll(under, kernels.slice(1));
  await under.close();
});

test('kernels that are updated move with an update, which is a compilation anyway', async () => {
  const under = await SimulatedPool.open({ workers: 2, standby: 0, pacing: { backoffMs: 0 } });
  const kernels = await compiled(under, 4);
  const update = async () => {
    const updates = kernels.map((kernel) => outcome(kernel.update()));
    await under.settle();
    expect(new Set(await Promise.all(updates))).toEqual(new Set(['ok']));
  };
  await update();
  under.worker(1).die(null, 'SIGKILL');
  await under.settle();
  // Two are compiled again where somebody serves; nothing is compiled just to be elsewhere.
  expect(under.pool.stats().compilations).toBe(4 + 4 + 2);
  expect(places(under)).toEqual({ serving: [4], standby: 1 });
  await update();
  expect(under.pool.stats().compilations).toBe(4 + 4 + 2 + 4);
  expect(places(under)).toEqual({ serving: [2, 2], standby: 0 });
  await ranAll(under, kernels);
  await under.close();
});

test('kernels of a worker that retires wait for its successor, instead of crowding others', async () => {
  const under = await SimulatedPool.open({ workers: 3, standby: 0 });
  const kernels = await compiled(under, 6);
  const moves: string[] = [];
  under.pool.on('kernelMove', ({ from, to }) => moves.push(`${from} to ${to}`));
  void under.pool.recycle();
  await under.settle();
  await ranAll(under, kernels);
  expect(moves.sort()).toEqual(['1 to 4', '1 to 4', '2 to 5', '2 to 5', '3 to 6', '3 to 6']);
  expect(places(under)).toEqual({ serving: [2, 2, 2], standby: 0 });
  await under.close();
});

test('a kernel that cannot be compiled elsewhere stays, and nobody tries again and again', async () => {
  const under = await SimulatedPool.open({
    workers: 2,
    standby: 0,
    attempts: 1,
    budget: { failures: 9 },
    pacing: { backoffMs: 0 },
  });
  const kernels = await compiled(under, 2);
  under.worker(1).die(null, 'SIGKILL');
  for (let turn = 0; turn < 40; turn++) {
    const third = under.simulated.workers[2];
    if (third !== undefined) third.fault = 'compile';
    await under.simulated.settle(true);
  }
  const { compilations } = under.pool.stats();
  for (let turn = 0; turn < 20; turn++) await under.simulated.settle();
  expect(under.pool.stats().compilations).toBe(compilations);
  await ranAll(under, kernels);
  await under.close();
});
