import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, type Pool, type PoolEvents } from '@mayfly/core';
import { limitsFile } from '@mayfly/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

/** A chip that allows fewer compilations than the default budget. */
const ALLOWED = 20;
const folder = temporaryFolder();
const device = `sim:${join(folder, 'weak.json')},no-rules`;
const open: Pool[] = [];
const before = process.env.XDG_CACHE_HOME;

/** Writes the chip's profile: the limits that it has. */
function weak(...limits: ('compilations' | 'livePrograms')[]): void {
  const figures = limits.map((limit) => [limit, { value: ALLOWED, source: 'test', grade: 'C' }]);
  const profile = { extends: 'm4', name: 'weak', title: 'Weak', limits: Object.fromEntries(figures) };
  writeFileSync(join(folder, 'weak.json'), JSON.stringify(profile));
}

beforeEach(() => {
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  weak('compilations');
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.destroy();
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
});

async function updates(count: number) {
  const pool = await createPool({ device });
  open.push(pool);
  const lowered: PoolEvents['budgetLower'][0][] = [];
  const retired: string[] = [];
  pool.on('budgetLower', (event) => lowered.push(event));
  pool.on('workerRetire', ({ reason, compilations }) => retired.push(`${reason} after ${compilations}`));
  const kernel = await pool.compile({ text: scaleProgram(8, 3) });
  for (let i = 0; i < count; i++) await kernel.update();
  return { lowered, retired, stats: pool.stats() };
}

test('a device that refuses within the budget lowers it, and the next run starts with the lower budget', async () => {
  const first = await updates(3 * ALLOWED);
  const keptIn = limitsFile(device);
  expect(first.lowered).toEqual([
    {
      ...{ worker: 1, limit: 'compilations', from: 100, to: ALLOWED, keptIn },
      message: expect.stringContaining('compilation 21 of this process'),
    },
  ]);
  // The first found out by a failure; the others keep clear of it.
  expect(first.retired).toEqual([
    'failures after 21',
    `compilations after ${ALLOWED}`,
    `compilations after ${ALLOWED}`,
  ]);
  expect(JSON.parse(readFileSync(keptIn, 'utf8')).answer).toMatchObject({
    ...{ compilations: ALLOWED, compilationsRefused: true, livePrograms: null },
  });
  const second = await updates(3 * ALLOWED);
  expect(second.lowered).toEqual([]);
  expect(second.retired).toEqual(Array(3).fill('compilations after 17'));
});

test('a device whose slots for programs are full lowers that budget, and no other', async () => {
  weak('livePrograms');
  // Where the limits of the chip before are not known.
  process.env.XDG_CACHE_HOME = join(folder, 'other-cache');
  const pool = await createPool({ device });
  open.push(pool);
  const lowered: PoolEvents['budgetLower'][0][] = [];
  pool.on('budgetLower', (event) => lowered.push(event));
  const kernels = await Promise.all(
    Array.from({ length: 15 }, (_, factor) => pool.compile({ text: scaleProgram(8, factor + 1) })),
  );
  // All at once, each beside the program before it.
  for (let i = 0; i < 3; i++) await Promise.all(kernels.map((kernel) => kernel.update()));
  expect(lowered).toEqual([
    {
      ...{ worker: 1, limit: 'livePrograms', from: 110, to: ALLOWED, keptIn: null },
      message: expect.stringContaining('no program slot is free: 20 programs are loaded'),
    },
  ]);
  const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
  x.array().fill(2);
  await kernels[14]!.run(x, y);
  expect(y.array()[7]).toBe(30);
});

test('refusals that were injected tell nothing about the machine', async () => {
  const pool = await createPool({
    ...{ attempts: 50, chaos: { faults: { limit: 0.05 }, seed: 3 } },
  });
  open.push(pool);
  const kernel = await pool.compile({ text: scaleProgram(8, 1) });
  const lowered = new Promise<PoolEvents['budgetLower'][0]>((resolve) => pool.once('budgetLower', resolve));
  while (pool.listenerCount('budgetLower') > 0) await kernel.update();
  const { from, to, keptIn } = await lowered;
  expect([from, keptIn]).toEqual([100, null]);
  expect(to).toBeLessThan(from);
});

test.each([
  ['rssBytes', { rssBytes: 4e8 }, { fault: 'leak', from: 1 }],
  ['rssGrowthBytes', { rssGrowthBytes: 8e6 }, { fault: 'leak', every: 10 }],
] as const)(
  'a worker whose device leaks retires by %s, and its successor, which does not, stays',
  async (reason, budget, leak) => {
    process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ evaluate: [leak] });
    const pool = await createPool({ device: 'sim:m4,no-rules', standby: 0, budget });
    open.push(pool);
    delete process.env.MAYFLY_SIM_FAULTS;
    const retired: string[] = [];
    pool.on('workerRetire', (event) => retired.push(`${event.worker} ${event.reason}`));
    const gone = new Promise((resolve) => pool.once('workerExit', resolve));
    const kernel = await pool.compile({ text: scaleProgram(8, 1) });
    const [x, y] = [pool.arena.tensor('fp32', [1, 8]), pool.arena.tensor('fp32', [1, 8])];
    const some = (count: number) => Promise.all(Array.from({ length: count }, () => kernel.run(x, y)));
    for (let runs = 0; runs < 9000 && retired.length === 0; runs += 100) await some(100);
    expect(retired).toEqual([`1 ${reason}`]);
    await gone;
    for (let runs = 0; runs < 9000; runs += 100) await some(100);
    expect(retired).toHaveLength(1);
    const [worker] = pool.stats().workers;
    expect(worker!.rssBytes).toBeGreaterThan(1e6);
    expect(worker!.rssBytes).toBeLessThan(4e8);
  },
);

test('a device that fails programs that it ran before stops the pool, whose error gives the remedy', async () => {
  const pool = await createPool({ device: 'sim:m4,no-rules', attempts: 2, standby: 0 });
  open.push(pool);
  const tensor = () => pool.arena.tensor('fp32', [1, 8]);
  const kernels = await Promise.all([1, 2, 3].map((factor) => pool.compile({ text: scaleProgram(8, factor) })));
  for (const kernel of kernels) await kernel.run(tensor(), tensor());
  process.env.MAYFLY_SIM_FAULTS = JSON.stringify({ evaluate: [{ fault: 'error', from: 1 }] });
  try {
    const left = new Promise((resolve) => pool.once('workerExit', resolve));
    void pool.recycle();
    await left;
    const outcomes = await Promise.allSettled(kernels.map((kernel) => kernel.run(tensor(), tensor())));
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'ok'));
    expect(codes).toContain('ERR_DEVICE_STUCK');
    await expect(pool.compile({ text: scaleProgram(8, 4) })).rejects.toThrow(/failed 4 times in a row .*status=0x1d/);
  } finally {
    delete process.env.MAYFLY_SIM_FAULTS;
  }
});
