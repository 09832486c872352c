import { ArenaScope, createPool } from '@mayfly/core';
import { arenaBytesFor, Decoder } from '@mayfly/core/testing';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, test } from 'vitest';
import { referenceLoss } from '../fixtures/reference-decoder.js';
import { smallConfig, smallTokens } from '../fixtures/small-model.js';

const [BATCH, SEQUENCE] = [2, 12];
const COLUMNS = BATCH * SEQUENCE;
const LOSS_SCALE = 256;
/** Elements of each tensor that are checked: the steepest half of them, the others anywhere. */
const SAMPLES = 8;

const models = {
  'grouped queries, tied head, interleaved RoPE': smallConfig,
  'as many key heads, head of its own, half RoPE': { ...smallConfig, kvHeads: 4, tiedHead: false, ropePairing: 'half' },
  'wide heads: heads · headDim over dim': { ...smallConfig, headDim: 12, ropeBase: 500 },
} as const;

describe.each(Object.entries(models))('%s', (_, config) => {
  test.each(['dynamic', 'static'] as const)('loss and every gradient, %s weights', async (weights) => {
    const shape = { config, batch: BATCH, sequence: SEQUENCE, weights };
    await using pool = await createPool({ arenaBytes: arenaBytesFor({ ...shape, training: true }), standby: 0 });
    const decoder = new Decoder(new ArenaScope(pool.arena), {
      ...shape,
      training: true,
      hostThreads: 0,
    });
    const { layout } = decoder.state;
    const random = xoroshiro128plus(7);
    const uniform = () => (random.next() >>> 0) / 2 ** 32;
    const parameters = decoder.state.parameters.array();
    for (const {
      offset,
      count,
      decay,
      shape: [, columns],
    } of layout.entries) {
      // Norms away from 1, and matrices large enough that attention is not uniform.
      for (let index = 0; index < count; index++) {
        parameters[offset + index] = decay ? (3 * (uniform() - 0.5)) / Math.sqrt(columns) : 0.5 + uniform();
      }
    }
    await decoder.load(pool);
    const tokens = smallTokens(COLUMNS + 1, config.vocab);
    const [inputs, targets] = [tokens.subarray(0, COLUMNS), tokens.subarray(1)];

    await decoder.forward(inputs);
    const loss = (await decoder.backward(targets, LOSS_SCALE / COLUMNS)) / COLUMNS;
    await decoder.weightGradients!.settleAll();
    const masters = Float64Array.from(parameters);
    const lossAt = () => referenceLoss(config, masters, SEQUENCE, inputs, targets);
    expect(Math.abs(loss - lossAt())).toBeLessThan(2e-3);

    const gradients = decoder.state.gradients.array().map((value) => value / LOSS_SCALE);
    for (const { name, layer, offset, count } of layout.entries) {
      const tensor = gradients.subarray(offset, offset + count);
      const steepest = [...tensor.keys()].sort((a, b) => Math.abs(tensor[b]!) - Math.abs(tensor[a]!));
      const anywhere = Array.from({ length: SAMPLES / 2 }, () => Math.floor(uniform() * count));
      const chosen = [...steepest.slice(0, SAMPLES / 2), ...anywhere];
      const tolerance = 0.01 * Math.abs(tensor[steepest[0]!]!);
      for (const index of chosen) {
        const difference = centralDifference(lossAt, masters, offset + index);
        expect
          .soft(
            Math.abs(tensor[index]! - difference),
            `${name} of layer ${layer}, element ${index}: ${tensor[index]} for ${difference}`,
          )
          .toBeLessThan(tolerance);
      }
    }
    await decoder.dispose();
  });
});

function centralDifference(lossAt: () => number, parameters: Float64Array, index: number): number {
  const step = 1e-5;
  const kept = parameters[index]!;
  parameters[index] = kept + step;
  const above = lossAt();
  parameters[index] = kept - step;
  const below = lossAt();
  parameters[index] = kept;
  return (above - below) / (2 * step);
}
