import { presets } from '@mayfly/core';
import { adaptLayer, checkLayer, decoderLayerOf } from '@mayfly/core/layers';
import { describe, expect, test } from 'vitest';
import { parallelLayer } from '../../fixtures/own-layers.js';

const all = ['wq', 'wk', 'wv', 'wo', 'w1', 'w2', 'w3'];
const lora = { rank: 4, alpha: 6, dropout: 0, targets: all, rslora: false };
const llama = decoderLayerOf({});
const adapters = (targets: readonly string[]) => targets.flatMap((name) => [`${name}LoraA`, `${name}LoraB`]);

describe('the gradients of adapters are those of finite differences, and nothing else has any', () => {
  test.each(['fused', 'probabilities', 'sdpaBwd12', 'sdpaBwd', 'woFwd', 'small', 'single'])(
    'in %s',
    async (variant) => {
      const ladder = { fused: 'fused', woFwd: 'ffnW13', small: 'small', single: 'single' }[variant] ?? 'ffnBwd';
      const form = { variants: { attention: variant, feedForward: ladder } };
      const { error, dynamic, adapters: own } = await checkLayer(adaptLayer(llama, lora), { form });
      expect(error).toBeLessThan(0.01);
      for (const each of [dynamic, own!]) expect(Object.keys(each).sort()).toEqual(['x', 'y', ...adapters(all)].sort());
    },
  );

  test('with dropout, biases, norms of queries and keys, and few targets', async () => {
    const options = { attentionBias: true, outputBias: true, mlpBias: true, qkNorm: true };
    const targets = ['wq', 'wo', 'w2'];
    const layer = adaptLayer(decoderLayerOf(options), { ...lora, dropout: 0.5, targets, rslora: true });
    for (const variant of ['fused', 'single', 'small']) {
      const form = { variants: { attention: variant, feedForward: variant }, silu: 'exp', split: 2 } as const;
      const { error, adapters: own } = await checkLayer(layer, { form });
      expect(error).toBeLessThan(0.01);
      expect(Object.keys(own!).sort()).toEqual(['x', 'y', ...adapters(targets)].sort());
    }
  });

  test('in a layer of one’s own', async () => {
    const specs = parallelLayer.parameters({ ...presets.tiny });
    const targets = Object.keys(specs).filter((name) => specs[name]!.shape.length === 2);
    const { error } = await checkLayer(adaptLayer(parallelLayer, { ...lora, targets }));
    expect(error).toBeLessThan(0.01);
  });
});

test('a target that no layer projects with is an error', () => {
  expect(() => adaptLayer(llama, { ...lora, targets: ['wx'] })).toThrow(
    /Expected lora.targets to be among .*q_proj or wq, .*got `wx`/,
  );
});
