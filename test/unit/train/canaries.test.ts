import { decoderLayerOf } from '@mayfly/core/layers';
import { halfCanary, presets } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { everyOption } from '../../fixtures/families.js';

const weights = 'dynamic';
const parametersOf = (config: Parameters<typeof decoderLayerOf>[0] & typeof everyOption, sequence: number) => {
  const definition = decoderLayerOf(config);
  return definition.blocks.map((block) => {
    const canary = halfCanary({ definition, weights }, block, { ...config, batch: 4, sequence });
    return { names: Object.keys(canary.plan.definition.parameters(canary.shape)), shape: canary.shape };
  });
};

test('a canary has the biases, norms and the sliding window of the model that it stands for', () => {
  const [attention, feedForward] = parametersOf({ ...everyOption, slidingWindow: 4096 }, 8192);
  expect(attention!.names).toEqual(['attentionNorm', 'wq', 'bq', 'wk', 'bk', 'wv', 'bv', 'qNorm', 'kNorm', 'wo', 'bo']);
  expect(feedForward!.names).toEqual(['feedForwardNorm', 'w1', 'b1', 'w2', 'b2', 'w3', 'b3']);
  expect(attention!.shape).toMatchObject({ sequence: 32, slidingWindow: 16, ropeScaling: everyOption.ropeScaling });
});

test('a window that no text outgrows is none in a canary', () => {
  const [attention] = parametersOf({ ...everyOption, slidingWindow: 64 }, 64);
  expect(attention!.shape).toMatchObject({ sequence: 32, slidingWindow: 64 });
  expect(parametersOf(presets.tiny, 64)[0]!.names).toEqual(['attentionNorm', 'wq', 'wk', 'wv', 'wo']);
});
