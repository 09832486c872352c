import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDialect } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { type AneReport, onEachRuntime, useRuntime } from '../../fixtures/ane-emulator.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);

// The whole training path on device ane: the bits of device cpu, with the compiler's limit and retirements in between.
onEachRuntime((tier, runtime) => {
  const { staged, reports } = useRuntime(tier, runtime, folder);

  /** Trains on both devices: the same losses and parameters; gives what every worker of device ane told at its end. */
  async function train(variant: Partial<Parameters<typeof runTraining>[0]>) {
    // Forced, so that no canaries are counted.
    const options = { ...smallRun, data, variant: 'fused,silu=exp,rope=slice,split=1', ...variant };
    const reference = await runTraining({ ...options, pool: { ...options.pool, device: 'cpu' } });
    const before = new Set(readdirSync(reports));
    const ane = await runTraining({ ...options, pool: { ...options.pool, device: 'ane' } });
    expect(fingerprint(ane)).toEqual(fingerprint(reference));
    expect(ane.summary.workerDeaths).toBe(0);
    expect(ane.words).toEqual([]);

    // Every worker came to its end, within the limit, having released what it held; no directory is left.
    const written = readdirSync(reports)
      .filter((name) => !before.has(name))
      .map((name) => JSON.parse(readFileSync(join(reports, name), 'utf8')) as AneReport);
    for (const { live, compilations } of written) {
      expect(live).toEqual({ models: 0, loaded: 0, surfaces: 0 });
      if (process.env.MAYFLY_ANE_API !== 'client') expect(compilations).toBeLessThan(119);
    }
    expect(readdirSync(staged).filter((name) => /^[0-9A-F]{16,}/.test(name))).toEqual([]);
    const compilations = written.reduce((sum, report) => sum + report.compilations, 0);
    return { summary: ane.summary, workers: written.length, compilations };
  }

  test.each([
    { weights: 'dynamic', steps: 6, pool: { budget: { evaluations: 20 }, standby: 1 } },
    { weights: 'static', steps: 12, pool: { standby: 1 } },
  ] as const)('with %o', async (variant) => {
    const { summary, workers, compilations } = await train(variant);
    expect(summary.retirements).toBeGreaterThan(0);
    expect(workers).toBeGreaterThanOrEqual(summary.retirements);
    expect(compilations).toBeGreaterThanOrEqual(summary.compilations);
  });

  test('with static weights that are reloaded: programs take turns, and no worker retires', {}, async () => {
    Object.assign(process.env, { MAYFLY_ANE_RELOAD: 'on', MAYFLY_EMULATOR_RELOAD: 'files' });
    const { summary, compilations } = await train({ weights: 'static', steps: 12, pool: { standby: 0 } });
    // Each of the eight kernels has two programs that take turns, three where an unload is overtaken, in place of thirteen. The
    // canaries' two are the device's own.
    expect(compilations).toBeLessThanOrEqual(3 * 8 + 2 + 2);
    expect(summary.retirements).toBe(0);
  });

  test('with static weights through the client: no worker retires', async () => {
    process.env.MAYFLY_ANE_API = 'client';
    const { summary, workers } = await train({ weights: 'static', steps: 12, pool: { standby: 0 } });
    expect({ retirements: summary.retirements, workers }).toEqual({ retirements: 0, workers: 1 });
    expect(summary.compilations).toBeGreaterThan(100);
  });

  test('on a chip that takes only the older dialect: found by a canary, once', async () => {
    Object.assign(process.env, { MAYFLY_EMULATOR_DIALECT: 'ios16', XDG_CACHE_HOME: join(folder, `older-${tier}`) });
    // The process that was asked compiled in both dialects, the worker four kernels, two programs that share surfaces and two of which one prefetches.
    expect(await train({ weights: 'dynamic', steps: 2 })).toMatchObject({ workers: 2, compilations: 2 + 4 + 4 });
    expect(readDialect()).toBe('ios16');
    expect(await train({ weights: 'dynamic', steps: 2 })).toMatchObject({ workers: 1, compilations: 4 + 4 });
  });
});
