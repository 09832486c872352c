import { ArenaScope, createPool, type ModelConfig } from '@mayfly/core';
import { arenaBytesFor, Decoder, ParameterLayout } from '@mayfly/core/testing';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { expect, test } from 'vitest';
import { everyOption, families } from '../fixtures/families.js';
import { referenceLoss } from '../fixtures/reference-decoder.js';
import { smallConfig, smallTokens } from '../fixtures/small-model.js';

const [BATCH, SEQUENCE] = [2, 12];
const COLUMNS = BATCH * SEQUENCE;
const LOSS_SCALE = 256;
/** Elements of each tensor that are checked: the steepest half of them, the others anywhere. */
const SAMPLES = 6;

const models = {
  'grouped queries, tied head, interleaved RoPE': smallConfig,
  'as many key heads, head of its own, half RoPE': { ...smallConfig, kvHeads: 4, tiedHead: false, ropePairing: 'half' },
  'wide heads: heads · headDim over dim': { ...smallConfig, headDim: 12, ropeBase: 500 },
  ...Object.fromEntries(Object.entries(families).map(([name, { config }]) => [name, config])),
  'every option': everyOption,
  'a window and RoPE in some layers': {
    ...smallConfig,
    ...{ layers: 3, slidingWindow: 5, fullLayers: [1], unrotatedLayers: [0, 1] },
  },
} satisfies Record<string, ModelConfig>;

test.each(Object.entries(models))('loss and every gradient, dynamic and static weights: %s', async (_, config) => {
  const random = xoroshiro128plus(7);
  const uniform = () => (random.next() >>> 0) / 2 ** 32;
  const layout = new ParameterLayout(config);
  const parameters = new Float32Array(layout.count);
  for (const { offset, count, decay, initial, shape } of layout.entries) {
    // Norms away from 1, biases from 0, and matrices large enough that attention is not uniform.
    for (let index = 0; index < count; index++) {
      parameters[offset + index] = decay ? (3 * (uniform() - 0.5)) / Math.sqrt(shape[1]) : initial - 0.5 + uniform();
    }
  }
  const tokens = smallTokens(COLUMNS + 1, config.vocab);
  const [inputs, targets] = [tokens.subarray(0, COLUMNS), tokens.subarray(1)];
  const masters = Float64Array.from(parameters);
  const lossAt = () => referenceLoss(config, masters, SEQUENCE, inputs, targets);
  const trained = {
    dynamic: await onePass(config, 'dynamic', parameters, inputs, targets),
    static: await onePass(config, 'static', parameters, inputs, targets),
  };
  const exact = lossAt();
  for (const { loss } of Object.values(trained)) expect(Math.abs(loss - exact)).toBeLessThan(2e-3);

  for (const { name, layer, offset, count } of layout.entries) {
    const tensor = trained.dynamic.gradients.subarray(offset, offset + count);
    const steepest = [...tensor.keys()].sort((a, b) => Math.abs(tensor[b]!) - Math.abs(tensor[a]!));
    const anywhere = Array.from({ length: SAMPLES / 2 }, () => Math.floor(uniform() * count));
    const chosen = [...steepest.slice(0, SAMPLES / 2), ...anywhere];
    const tolerance = 0.015 * Math.abs(tensor[steepest[0]!]!);
    for (const index of chosen) {
      const difference = centralDifference(lossAt, masters, offset + index);
      for (const [weights, { gradients }] of Object.entries(trained)) {
        const own = gradients[offset + index]!;
        const place = `${name} of layer ${layer}, element ${index}, ${weights}: ${own} for ${difference}`;
        expect.soft(Math.abs(own - difference), place).toBeLessThan(tolerance);
      }
    }
  }
});

/** Loss and gradients as training computes them. */
async function onePass(
  config: ModelConfig,
  weights: 'dynamic' | 'static',
  parameters: Float32Array,
  inputs: ArrayLike<number>,
  targets: ArrayLike<number>,
): Promise<{ readonly loss: number; readonly gradients: Float32Array }> {
  const shape = { config, batch: BATCH, sequence: SEQUENCE, weights, training: true };
  await using pool = await createPool({ arenaBytes: arenaBytesFor(shape), standby: 0 });
  const decoder = new Decoder(new ArenaScope(pool.arena), { ...shape, hostThreads: 0 });
  decoder.state.parameters.array().set(parameters);
  await decoder.load(pool);
  await decoder.forward(inputs);
  const loss = (await decoder.backward(targets, LOSS_SCALE / COLUMNS)) / COLUMNS;
  await decoder.weightGradients!.settleAll();
  const gradients = decoder.state.gradients.array().map((value) => value / LOSS_SCALE);
  await decoder.dispose();
  return { loss, gradients };
}

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
