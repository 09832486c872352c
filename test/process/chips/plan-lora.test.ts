import { createTrainer } from '@mayfly/core';
import { adaptLayer, decoderLayer } from '@mayfly/core/layers';
import { type ModelConfig, planTraining } from '@mayfly/core/testing';
import { loadProfile } from '@mayfly/native';
import { expect, test } from 'vitest';
import { smallConfig } from '../../fixtures/small-model.js';
import { smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());
const model: ModelConfig = { ...smallConfig, vocab: 200, layers: 3 };
const shape = { batch: 1, accumulate: 2 };
const lora = { rank: 2, targets: ['wq', 'w2'] };
const layer = adaptLayer(decoderLayer, { ...lora, alpha: 4, dropout: 0, rslora: false });
const profile = loadProfile('m4');

test.each(['dynamic', 'static'] as const)(
  'adapters beside %s weights dispatch, compile and take as many workers as their plan counts',
  async (weights) => {
    const steps = 2;
    const retireAfter = 8;
    const pool = { device: 'sim:m4,no-rules', standby: 0, threads: 1, budget: { compilations: retireAfter } };
    await using trainer = await createTrainer({ ...shape, model, data, weights, lora, seq: 8, steps, pool });
    await trainer.train();
    const { dispatches, compilations } = trainer.pool.stats();
    const options = { ...shape, config: model, profile, weights, layer, sequence: 8, retireAfter };
    const { programs, counts, workers, parameters, kernels } = planTraining(options);
    expect({ dispatches, compilations, workers: trainer.pool.workers }).toEqual({
      ...{ dispatches: steps * counts.dispatches, compilations: programs + steps * counts.compilations, workers },
    });
    expect({ programs, workers }).toEqual(
      weights === 'static' ? { programs: 12, workers: 2 } : { programs: 4, workers: 1 },
    );
    expect(counts).toMatchObject({ compilations: 0, host: { classifierProducts: 4, updates: 3 * 4 } });
    const { dim, heads, headDim, hidden } = model;
    expect(parameters).toBe(model.layers * lora.rank * (dim + heads * headDim + hidden + dim));
    expect(kernels.every(({ hasWeights }) => hasWeights)).toBe(false);
  },
);

test('reloaded weights have nothing to reload where adapters are trained', () => {
  const options = { ...shape, config: model, profile, weights: 'reloaded', layer, sequence: 8 } as const;
  expect(() => planTraining(options)).toThrow(/Expected weights to be dynamic or static with adapters/);
});
