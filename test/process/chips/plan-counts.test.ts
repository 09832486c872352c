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

/** Trains on the pool and counts what it did. */
async function count(pool: Pool, options: TrainOptions) {
  const compiled: Record<string, string[]> = { compile: [], update: [] };
  const keep = ({ kernel, reason }: PoolEvents['compile'][0]) => compiled[reason]!.push(kernel);
  pool.on('compile', keep);
  await using trainer = await createTrainer({ ...options, pool });
  compiled.update = [];
  const { dispatches } = pool.stats();
  await trainer.train();
  pool.off('compile', keep);
  return {
    programs: compiled.compile!.length,
    dispatches: pool.stats().dispatches - dispatches,
    updates: compiled.update,
  };
}

describe.each(Object.entries(models))('a model %s', (_, model) => {
  test.each(['dynamic', 'static'] as const)(
    'with %s weights dispatches and compiles what its plan counts, in every variant',
    async (weights) => {
      const steps = 2;
      const shape = { batch: 1, accumulate: 2 };
      const device = `sim:${chip},no-rules`;
      await using pool = await createPool({ device, workers: 1, standby: 0, arenaBytes: 2 ** 27, budget });
      for (const variants of countedForms) {
        const variant = Object.entries(variants).map(([block, name]) => `${block}=${name}`);
        const options = { ...shape, model, data, weights, seq: 8, steps, variant: variant.join(',') };
        const { programs, dispatches, updates } = await count(pool, options);
        const plan = planTraining({
          ...{ ...shape, config: model, profile: loadProfile(chip), weights, sequence: 8, form: { variants } },
        });
        const recompiled = new Set(updates).size;
        expect({ variants, programs, dispatches, recompiled }).toEqual({
          ...{ variants, programs: plan.programs, dispatches: steps * plan.counts.dispatches },
          recompiled: plan.counts.compilations,
        });
        // Nothing waits for the compilations that follow the last step.
        expect(updates.length).toBeGreaterThanOrEqual((steps - 1) * recompiled);
        expect(updates.length).toBeLessThanOrEqual(steps * recompiled);
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
