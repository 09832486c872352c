import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, createTrainer, type Pool, type PoolEvents, type TrainOptions } from '@mayfly/core';
import { planTraining } from '@mayfly/core/testing';
import { loadProfile } from '@mayfly/native';
import { describe, expect, test } from 'vitest';
import { countedForms, countedModels } from '../../fixtures/counted-models.js';
import { smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const chip = join(folder, 'many.json');
const limit = { value: 10_000, source: 'test', grade: 'C' };
writeFileSync(chip, JSON.stringify({ extends: 'm4', name: 'many', title: 'M4', limits: { compilations: limit } }));
const budget = { compilations: 10_000, livePrograms: 1000 };
const data = smallStream(folder);

const models = countedModels(2);

/** Kernels that are compiled on the pool, by reason, while a trainer is made; of static weights also while it trains two steps. */
async function compiledBy(pool: Pool, options: TrainOptions) {
  const compiled = { compile: [] as string[], update: [] as string[] };
  const keep = ({ kernel, reason }: PoolEvents['compile'][0]) => compiled[reason as keyof typeof compiled].push(kernel);
  pool.on('compile', keep);
  await using trainer = await createTrainer({ ...options, pool });
  if (options.weights === 'static') await trainer.train();
  pool.off('compile', keep);
  return compiled;
}

describe.each(Object.entries(models))('a model %s', (_, model) => {
  test.each(['dynamic', 'static'] as const)(
    'with %s weights compiles what its plan counts, in every variant',
    async (weights) => {
      const steps = 2;
      const device = `sim:${chip},no-rules`;
      await using pool = await createPool({ device, workers: 1, standby: 0, arenaBytes: 2 ** 27, budget });
      for (const variants of countedForms) {
        const variant = Object.entries(variants).map(([block, name]) => `${block}=${name}`);
        const options = { model, data, weights, batch: 1, seq: 8, steps, variant: variant.join(',') };
        const { compile, update } = await compiledBy(pool, options);
        const plan = planTraining({
          ...{ config: model, profile: loadProfile(chip), weights, batch: 1, sequence: 8, form: { variants } },
        });
        const recompiled = new Set(update).size;
        expect({ variants, programs: compile.length, recompiled }).toEqual({
          ...{ variants, programs: plan.programs, recompiled: plan.counts.compilations },
        });
        // Nothing waits for the compilations that follow the last step.
        expect(update.length).toBeGreaterThanOrEqual((steps - 1) * recompiled);
        expect(update.length).toBeLessThanOrEqual(steps * recompiled);
      }
    },
  );
});

test('a step of any number of passes adds up what its plan counts', async () => {
  const [config] = Object.values(models);
  await using pool = await createPool({ device: 'cpu', workers: 1, standby: 0, arenaBytes: 2 ** 27 });
  for (const accumulate of [1, 2, 3, 4, 5, 7, 8, 10]) {
    const shape = { batch: 1, accumulate, weights: 'dynamic' } as const;
    await using trainer = await createTrainer({ ...shape, model: config!, data, seq: 8, steps: 1, pool });
    const { stepWork } = await trainer.train();
    const { counts } = planTraining({ ...shape, config: config!, profile: loadProfile('m4'), sequence: 8 });
    const sums = ({ addedElements, foldedElements }: NonNullable<typeof stepWork>['host']) => [
      addedElements,
      foldedElements,
    ];
    expect([accumulate, ...sums(stepWork!.host)]).toEqual([accumulate, ...sums(counts.host)]);
  }
});
