import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, type Pool, type PoolEvents } from '@mayfly/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scaleProgram } from '../fixtures/programs.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

/** A chip that allows fewer compilations than the default budget. */
const ALLOWED = 20;
const folder = temporaryFolder();
const device = `sim:${join(folder, 'weak.json')},no-rules`;
const open: Pool[] = [];
const before = process.env.XDG_CACHE_HOME;

beforeEach(() => {
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  const compilations = { value: ALLOWED, source: 'test', grade: 'C' };
  writeFileSync(
    join(folder, 'weak.json'),
    JSON.stringify({ extends: 'm4', name: 'weak', title: 'Weak', limits: { compilations } }),
  );
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.destroy();
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
});

async function updates(count: number) {
  const pool = await createPool({ device });
  open.push(pool);
  const lowered: PoolEvents['budget-lowered'][0][] = [];
  const retired: string[] = [];
  pool.on('budget-lowered', (event) => lowered.push(event));
  pool.on('worker-retire', ({ reason, compilations }) => retired.push(`${reason} after ${compilations}`));
  const kernel = await pool.compile({ text: scaleProgram(8, 3) });
  for (let i = 0; i < count; i++) await kernel.update();
  return { lowered, retired, stats: pool.stats() };
}

test('a device that refuses within the budget lowers it, and the next run starts with what was learnt', async () => {
  const first = await updates(3 * ALLOWED);
  const keptIn = join(folder, 'cache', 'mayfly', 'limits.json');
  expect(first.lowered).toEqual([
    { worker: 1, from: 100, to: ALLOWED, message: expect.stringContaining('compilation 21 of this process'), keptIn },
  ]);
  // The first found out by a failure; the others keep clear of it.
  expect(first.retired).toEqual([
    'failures after 21',
    `compilations after ${ALLOWED}`,
    `compilations after ${ALLOWED}`,
  ]);
  expect(JSON.parse(readFileSync(keptIn, 'utf8')).devices[device]).toMatchObject({
    ...{ compilations: ALLOWED, compilationsRefused: true, livePrograms: null },
  });
  const second = await updates(3 * ALLOWED);
  expect(second.lowered).toEqual([]);
  expect(second.retired).toEqual(Array(3).fill('compilations after 17'));
});

test('refusals that were injected tell nothing about the machine', async () => {
  const pool = await createPool({
    ...{ attempts: 50, chaos: { faults: { kill: 0, hang: 0, crash: 0, limit: 0.05 }, seed: 3 } },
  });
  open.push(pool);
  const kernel = await pool.compile({ text: scaleProgram(8, 1) });
  const lowered = new Promise<PoolEvents['budget-lowered'][0]>((resolve) => pool.once('budget-lowered', resolve));
  while (pool.listenerCount('budget-lowered') > 0) await kernel.update();
  const { from, to, keptIn } = await lowered;
  expect([from, keptIn]).toEqual([100, null]);
  expect(to).toBeLessThan(from);
});

test('a device that fails whatever it is asked stops the pool, which says what to do', async () => {
  process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ evaluate: [{ fault: 'error', from: 1 }] });
  try {
    const pool = await createPool({ device: 'sim:m4,no-rules', attempts: 2 });
    open.push(pool);
    const tensor = () => pool.arena.tensor('fp32', [1, 8]);
    const kernels = await Promise.all([1, 2, 3].map((factor) => pool.compile({ text: scaleProgram(8, factor) })));
    const outcomes = await Promise.allSettled(kernels.map((kernel) => kernel.run(tensor(), tensor())));
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'ok'));
    expect(codes).toContain('ERR_DEVICE_STUCK');
    await expect(pool.compile({ text: scaleProgram(8, 4) })).rejects.toThrow(/failed 4 times in a row .*status=0x1d/);
  } finally {
    delete process.env.MAYFLY_SIM_FAULTS;
  }
});
