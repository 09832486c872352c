import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, createTrainer } from '@mayfly/core';
import { loadProfile } from '@mayfly/core/chips';
import { type ModelConfig, planTraining } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { type AneReport, emulators, useRuntime } from '../../fixtures/ane-emulator.js';
import { countedForms, countedModels } from '../../fixtures/counted-models.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const { reports } = useRuntime('T1', emulators[0]!.path, folder);

const twoChunks = 'of two chunks of classes';
const models: Readonly<Record<string, ModelConfig>> = {
  ...countedModels(3),
  [twoChunks]: { ...countedModels(1)['of 1 layers']!, vocab: 9001 },
};

/** The whole product takes a minute or two. Without it, each path meets each strategy with one of the models, which share the variants. */
const isWhole = process.env.MAYFLY_COUNTS === 'all';
const cases = Object.keys(models).flatMap((model, index) =>
  (['dynamic', 'static'] as const).flatMap((weights, strategy) =>
    (['in-memory', 'client'] as const)
      .filter(
        (_, path) => (isWhole || (index + strategy + path) % 2 === 0) && (model !== twoChunks || weights === 'dynamic'),
      )
      .map((api) => [model, weights, api] as const),
  ),
);

/** Static weights of many programs take long to compile. With the first form the classifier is on the device. */
const variantsOf = (model: string, weights: string) =>
  model === twoChunks
    ? countedForms.slice(0, 1)
    : countedForms.filter(
        (_, index) =>
          isWhole || (index % 2 === Object.keys(models).indexOf(model) && (weights === 'dynamic' || index < 2)),
      );

const steps = 2;
const shape = { batch: 1, accumulate: 2 };
const profile = loadProfile('m4');

/** Counts of the stand-in in a process that ended. */
function reportOf(pid: number): AneReport {
  return JSON.parse(readFileSync(join(reports, `${pid}.json`), 'utf8')) as AneReport;
}

/** Opens a pool with one worker, and gives what the stand-in counted in its process. */
async function counted(use: (pool: Awaited<ReturnType<typeof createPool>>) => Promise<void>): Promise<AneReport> {
  const before = new Set(readdirSync(reports));
  const pool = await createPool({
    ...{ device: 'ane', workers: 1, standby: 0, arenaBytes: 2 ** 27 },
    budget: { compilations: 10_000, livePrograms: 1000 },
  });
  await use(pool);
  await pool.close();
  const [name] = readdirSync(reports).filter((each) => !before.has(each));
  return reportOf(Number.parseInt(name!, 10));
}

test.each(cases)(
  'a model %s with %s weights over %s copies and computes what its plan counts, in every variant',
  {
    timeout: 180_000,
  },
  async (name, weights, api) => {
    const config = models[name]!;
    Object.assign(process.env, {
      // Without the canary, whose copies the worker does not count.
      ...{ MAYFLY_ANE_API: api, MAYFLY_EMULATOR_COUNT: '1', MAYFLY_ANE_SURFACES: 'shared', MAYFLY_ANE_PREFETCH: 'on' },
      ...{ MAYFLY_EMULATOR_COMPILE_LIMIT: '0', MAYFLY_EMULATOR_LIVE_LIMIT: '0' },
    });
    /** By canaries, which are not counted by the worker. */
    const opening = await counted(async () => {});
    const bridge = { evaluations: 0, written: 0, read: 0 };
    const planned = { evaluations: 0, copiedBytes: 0 };
    const emulator = await counted(async (pool) => {
      for (const [index, variants] of variantsOf(name, weights).entries()) {
        const classifier = index === 0 ? ('device' as const) : ('host' as const);
        const weightGradients = ['device', 'host', 'feedForward', 'attention'][index % 4]!;
        const variant = [
          ...Object.entries(variants).map(([block, each]) => `${block}=${each}`),
          ...['silu=exp', 'rope=slice', 'split=1'],
        ].join(',');
        const options = {
          ...shape,
          classifier,
          weightGradients,
          model: config,
          data,
          weights,
          seq: 8,
          steps,
          variant,
          pool,
        };
        await using trainer = await createTrainer(options);
        const { stepWork } = await trainer.train();
        const places = { classifier, weightGradients };
        const plan = { ...shape, ...places, config, profile, weights, sequence: 8, form: { variants } } as const;
        const { counts } = planTraining(plan);
        expect(stepWork, variant).toEqual(counts);
        // The weights of the last update are prefetched for a step that does not come; the classifier's table is when it is next read.
        const layers = (withoutUpdate: boolean) =>
          planTraining({ ...plan, classifier: 'host', withoutUpdate }).counts.prefetchedBytes;
        planned.evaluations += steps * counts.dispatches;
        planned.copiedBytes += steps * (counts.copiedBytes + counts.prefetchedBytes);
        planned.copiedBytes += layers(false) - layers(true);
      }
      // An answer carries the worker's statistics.
      await pool.compile({ text: scaleProgram(64, 2) });
      const [worker, ...others] = pool.stats().workers;
      expect(others).toEqual([]);
      expect(pool.stats().retirements).toBe(0);
      Object.assign(bridge, {
        ...{ evaluations: worker!.evaluations, written: worker!.copiedInBytes, read: worker!.copiedOutBytes },
      });
    });
    expect({ evaluations: bridge.evaluations, copiedBytes: bridge.written + bridge.read }).toEqual(planned);
    expect({
      evaluations: emulator.evaluations - opening.evaluations,
      written: emulator.writtenBytes - opening.writtenBytes,
      read: emulator.readBytes - opening.readBytes,
    }).toEqual(bridge);
  },
);
