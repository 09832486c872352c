import { createTrainer } from '@mayfly/core';
import { addon } from '@mayfly/native';
import { beforeAll, describe, expect, test } from 'vitest';
import { fingerprint, type Outcome, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());

describe.each(['dynamic', 'static'] as const)('the same bits with %s weights', (weights) => {
  const options = { ...smallRun, data, weights };
  let reference: Outcome;
  beforeAll(async () => {
    reference = await runTraining({ ...options, hostThreads: 0 });
  });

  test('the loss falls', () => {
    const losses = reference.records.map(({ loss }) => loss);
    expect(losses).toHaveLength(smallRun.steps);
    expect(Math.abs(losses[0]! - Math.log(256))).toBeLessThan(0.2);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.05);
  });

  test.each([
    { hostThreads: 1 },
    { hostThreads: 2 },
    { pool: { standby: 0, threads: 1 } },
    { pool: { standby: 0, threads: 3 } },
    { pool: { standby: 0, workers: 3 } },
    { pool: { standby: 1, budget: { evaluations: 20 } } },
    { pool: { workers: 2, standby: 1, budget: { compilations: weights === 'dynamic' ? 2 : 4 } } },
    { pool: { standby: 0, budget: { compilations: weights === 'dynamic' ? 4 : 8 } } },
  ])('with %o', async (variant) => {
    const outcome = await runTraining({ ...options, ...variant });
    expect(fingerprint(outcome)).toEqual(fingerprint(reference));
  });

  test('with a worker killed in every step', async () => {
    await using trainer = await createTrainer({ ...options, pool: { standby: 1 } });
    for await (const _ of trainer.steps()) {
      const serving = trainer.pool.stats().workers.find(({ state }) => state === 'serving');
      if (serving !== undefined) process.kill(serving.pid, 'SIGKILL');
    }
    const summary = trainer.summary();
    expect(fingerprint({ summary })).toEqual(fingerprint(reference));
    expect(summary.workerDeaths).toBeGreaterThan(0);
  });

  test('another seed gives others', async () => {
    const outcome = await runTraining({ ...options, seed: 1 });
    expect(fingerprint(outcome).losses).not.toBe(fingerprint(reference).losses);
  });
});

describe('fast products', () => {
  const options = { ...smallRun, data, pool: { standby: 0, precision: 'fast' } } as const;

  test.skipIf(addon.fastMatmul() === 'exact')(
    'give the same bits whatever the threads, and others than exact',
    async () => {
      const withThreads = (threads: number) => runTraining({ ...options, pool: { ...options.pool, threads } });
      const [one, two] = [await withThreads(1), await withThreads(2)];
      expect(fingerprint(two)).toEqual(fingerprint(one));
      const exact = await runTraining({ ...smallRun, data });
      expect(fingerprint(one).losses).not.toBe(fingerprint(exact).losses);
      for (const [index, { loss }] of one.records.entries()) {
        expect(Math.abs(loss - exact.records[index]!.loss)).toBeLessThan(5e-3);
      }
    },
  );

  test('are reported by the pool and stored in a checkpoint', async () => {
    const out = temporaryFolder();
    await runTraining({ ...options, out });
    await using resumed = await createTrainer({ resume: out, steps: smallRun.steps + 1 });
    expect(resumed.options.pool.precision).toBe('fast');
    expect(resumed.pool.matmul).toBe(addon.fastMatmul());
    const other = { resume: out, out: temporaryFolder(), steps: smallRun.steps + 1 };
    await using exact = await createTrainer({ ...other, pool: { precision: 'exact' }, allowChangedPrecision: true });
    expect(exact.pool.matmul).toBe('exact');
  });
});

test('static and dynamic weights agree but for rounding', async () => {
  const [first, second] = [
    await runTraining({ ...smallRun, data }),
    await runTraining({ ...smallRun, data, weights: 'static' }),
  ];
  for (const [index, { loss, gradNorm }] of first.records.entries()) {
    expect(Math.abs(loss - second.records[index]!.loss)).toBeLessThan(2e-3);
    expect(Math.abs(gradNorm / second.records[index]!.gradNorm - 1)).toBeLessThan(0.02);
  }
});
