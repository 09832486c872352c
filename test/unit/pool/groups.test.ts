import type { Kernel, PoolOptions } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { SimulatedPool } from '../../fixtures/simulated-pool.js';

const open = (options: PoolOptions = {}) =>
  SimulatedPool.open({ workers: 2, standby: 0, pacing: { backoffMs: 0 }, ...options });

/** Compiles kernels, each named by its group and its number. */
async function compiled(under: SimulatedPool, groups: readonly string[]): Promise<Kernel[]> {
  const kernels: Kernel[] = [];
  for (const [index, group] of groups.entries()) {
    const compiling = under.pool.compile({
      text: '',
      weights: { w: new Uint8Array([7]) },
      name: `${group}${index}`,
      group,
    });
    await under.settle();
    kernels.push(await compiling);
  }
  return kernels;
}

/** The workers of each group, by the first letter of its kernels' names. */
function homes({ pool }: SimulatedPool): Record<string, (number | null)[]> {
  const found: Record<string, Set<number | null>> = {};
  for (const { name, worker } of pool.stats().kernels) {
    found[name[0]!] ??= new Set();
    found[name[0]!]!.add(worker);
  }
  return Object.fromEntries(Object.entries(found).map(([name, workers]) => [name, [...workers].sort()]));
}

test('kernels of one group are on one worker, those of another elsewhere, in whatever order they come', async () => {
  const under = await open();
  await compiled(under, ['a', 'a', 'b', 'a', 'b', 'b']);
  expect(homes(under)).toEqual({ a: [1], b: [2] });
  await under.close();
});

test('a group goes on elsewhere where its worker has no room', async () => {
  const under = await open({ budget: { livePrograms: 2 } });
  await compiled(under, ['a', 'a', 'a', 'b']);
  expect(homes(under)).toEqual({ a: [1, 2], b: [2] });
  await under.close();
});

test('a group stays together where its worker dies, and its kernels answer', async () => {
  const under = await open({ standby: 1 });
  const kernels = await compiled(under, ['a', 'b', 'a', 'b']);
  under.worker(1).die(null, 'SIGKILL');
  await under.settle();
  for (const kernel of kernels) expect(await under.ran(kernel)).toBe('ok');
  expect(homes(under)).toEqual({ a: [3], b: [2] });
  await under.close();
});

test('a group of which nothing is left has no place any more', async () => {
  const under = await open();
  const [first] = await compiled(under, ['a', 'b']);
  await first!.dispose();
  await compiled(under, ['c', 'c', 'a']);
  expect(homes(under)).toEqual({ b: [2], c: [1], a: [2] });
  await under.close();
});
