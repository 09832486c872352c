import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportModel, loadModel } from '@mayfly/core';
import { countParameters, type ModelConfig } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { randomModel } from '../fixtures/random-model.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';
import { tensorNames } from './tensor-names.js';

const folder = temporaryFolder();
const shape: ModelConfig = {
  ...{ dim: 20, hidden: 28, layers: 2, heads: 4, kvHeads: 2, headDim: 6, vocab: 30, sequence: 64 },
  ...{ eps: 1e-6, ropeBase: 5e5, ropePairing: 'half', tiedHead: true },
};

/** Shapes by name, from the header of a safetensors file. */
function shapesIn(path: string): Record<string, readonly number[]> {
  const file = readFileSync(path);
  const header = JSON.parse(file.toString('utf8', 8, 8 + Number(file.readBigUInt64LE())));
  const tensors = Object.entries<{ shape: number[] }>(header).filter(([name]) => name !== '__metadata__');
  return Object.fromEntries(tensors.map(([name, { shape: sizes }]) => [name, sizes]));
}

for (const [family, { options, names }] of Object.entries(tensorNames)) {
  test(`${family}: names and shapes are those of transformers, and the folder reads back in the same bits`, async () => {
    for (const tiedHead of [true, false]) {
      const config: ModelConfig = { ...shape, ...options, tiedHead };
      const name = `${family} ${tiedHead}`;
      const model = await randomModel(folder, name, config);
      const out = join(folder, `${name} hf`);
      await exportModel({ model, format: 'hf', out });
      const outside = {
        'model.embed_tokens.weight': [30, 20],
        'model.norm.weight': [20],
        ...(tiedHead ? {} : { 'lm_head.weight': [30, 20] }),
      };
      const layers = [0, 1].flatMap((layer) =>
        Object.entries(names(config)).map(([each, sizes]) => [`model.layers.${layer}.${each}`, sizes]),
      );
      expect(shapesIn(join(out, 'model.safetensors'))).toEqual({ ...outside, ...Object.fromEntries(layers) });
      const json = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
      expect(json.model_type).toBe(family.split(' ')[0]);
      const read = await loadModel(out);
      expect(read.config).toEqual(config);
      const [before, after] = [new Float32Array(countParameters(config)), new Float32Array(countParameters(config))];
      await (await loadModel(model)).parameters!(before);
      await read.parameters!(after);
      expect(after).toEqual(before);
    }
  });
}

const original = { factor: 4, originalSequence: 16 } as const;
const scalings: readonly NonNullable<ModelConfig['ropeScaling']>[] = [
  { type: 'linear', ...original },
  { type: 'dynamic', ...original },
  { type: 'llama3', ...original, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
  { type: 'yarn', ...original, betaFast: 20, betaSlow: 2, truncate: false, attentionFactor: 1.3 },
];

test.each(scalings)('RoPE with $type scaling comes back', async (ropeScaling) => {
  for (const options of [{}, { attentionBias: true }, { qkNorm: true, attentionBias: true, outputBias: true }]) {
    const config = { ...shape, ...options, ropeScaling };
    const name = `${ropeScaling.type} ${JSON.stringify(options)}`.replace(/\W+/g, '-');
    const out = join(folder, `${name}-hf`);
    await exportModel({ model: await randomModel(folder, name, config), format: 'hf', out });
    expect((await loadModel(out)).config).toEqual(config);
  }
});

test.each([
  { attentionBias: true, slidingWindow: 8, fullLayers: [0] },
  { qkNorm: true, slidingWindow: 8, fullLayers: [1] },
  { unrotatedLayers: [1] },
])('what holds in some layers comes back: %j', async (options) => {
  const name = JSON.stringify(options).replace(/\W+/g, '-');
  const config = { ...shape, ...options };
  const model = await randomModel(folder, name, config);
  const out = join(folder, `${name}-hf`);
  await exportModel({ model, format: 'hf', out });
  expect((await loadModel(out)).config).toEqual(config);
});

test('options that no family has together are refused', async () => {
  const model = await randomModel(folder, 'chimera', { ...shape, qkNorm: true, mlpBias: true });
  const expected = { code: 'ERR_CONFIG', message: expect.stringMatching(/for hf, got one with qkNorm, mlpBias$/) };
  await expect(exportModel({ model, format: 'hf', out: join(folder, 'none') })).rejects.toMatchObject(expected);
  const gguf = {
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/that is qwen3, which has no biases of the feed-forward half\. Export it as hf$/),
  };
  await expect(exportModel({ model, format: 'gguf', out: join(folder, 'none') })).rejects.toMatchObject(gguf);
  await expect(exportModel({ model, format: 'llama2c', out: join(folder, 'none') })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
  });
});
