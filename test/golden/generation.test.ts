import { join } from 'node:path';
import { loadModel } from '@mayfly/core';
import { type ModelConfig, openTextSession } from '@mayfly/core/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { randomModel } from '../fixtures/random-model.js';
import { smallTokens } from '../fixtures/small-model.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const WINDOW = 24;

const llama: ModelConfig = {
  ...{ dim: 48, hidden: 80, layers: 2, heads: 6, kvHeads: 2, headDim: 8, vocab: 130, sequence: WINDOW },
  ...{ eps: 1e-6, ropeBase: 10_000, ropePairing: 'half', tiedHead: false },
};
const originalSequence = 16;

/** Small random models of each family, with sizes that are no multiples of a vector's. */
const families: Readonly<Record<string, ModelConfig>> = {
  'llama 2, interleaved, tied': { ...llama, kvHeads: 6, ropePairing: 'interleaved', tiedHead: true },
  'llama 3': {
    ...llama,
    ropeScaling: { type: 'llama3', factor: 2, originalSequence, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
  },
  'linear scaling': { ...llama, ropeScaling: { type: 'linear', factor: 2, originalSequence } },
  'dynamic scaling': { ...llama, ropeScaling: { type: 'dynamic', factor: 2, originalSequence } },
  yarn: {
    ...llama,
    ropeScaling: {
      ...{ type: 'yarn', factor: 2, originalSequence, betaFast: 32, betaSlow: 1, truncate: true },
      attentionFactor: 1.07,
    },
  },
  'mistral, a window of 7': { ...llama, slidingWindow: 7 },
  'a window and RoPE in some layers': { ...llama, slidingWindow: 7, fullLayers: [1], unrotatedLayers: [0] },
  qwen2: { ...llama, attentionBias: true, tiedHead: true },
  'qwen3, heads wider than dim/heads': { ...llama, qkNorm: true, headDim: 14, heads: 5, kvHeads: 1 },
  'all biases': { ...llama, attentionBias: true, outputBias: true, mlpBias: true },
};

/** Of fp16 activations, which the two round in other places: relative to the largest logit. */
const TOLERANCE = 4e-3;

const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);
const indexOfLargest = (values: Float32Array): number => values.indexOf(values.reduce((a, b) => Math.max(a, b)));

describe('the cache of keys and values', () => {
  // Whole windows say on stderr what they are.
  const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  afterAll(() => warning.mockRestore());

  test.each(Object.entries(families))('gives the tokens of whole windows: %s', async (name, config) => {
    const model = await loadModel(await randomModel(folder, join(name.replaceAll(/\W/g, '')), config));
    const options = { device: 'cpu', threads: 1 };
    await using cached = await openTextSession(model, WINDOW, options);
    await using whole = await openTextSession(model, WINDOW, { ...options, variant: 'fused' });
    for (const length of [1, WINDOW - 1, WINDOW]) {
      let text = Array.from(smallTokens(length, config.vocab));
      // A text that is full goes on from its last half.
      for (let drawn = 0; drawn < 6; drawn++) {
        const expected = (await whole.next(text)).slice();
        const actual = await cached.next(text);
        const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        expect(difference(actual, expected)).toBeLessThan(TOLERANCE * scale);
        const token = indexOfLargest(expected);
        expect(indexOfLargest(actual)).toBe(token);
        if (text.length === WINDOW) text = text.slice(-WINDOW / 2);
        text.push(token);
      }
    }
  });

  test('takes up any earlier text, and forgets what does not belong to it', async () => {
    const model = await loadModel(await randomModel(folder, 'again', llama));
    await using cached = await openTextSession(model, WINDOW, { device: 'cpu' });
    const text = Array.from(smallTokens(20, llama.vocab));
    const first = (await cached.next(text)).slice();
    await cached.next([...text.slice(0, 9), 3, 5]);
    expect(difference(await cached.next(text), first)).toBeLessThan(1e-3);
    expect(difference(await cached.next(text), first)).toBeLessThan(1e-3);
  });
});

test('gives the same bits with 1, 2 and 3 threads', async () => {
  // Matrices that are split, some into parts of unequal sizes.
  const config = { ...llama, dim: 256, hidden: 520, heads: 8, kvHeads: 4, headDim: 32, vocab: 1037 };
  const model = await loadModel(await randomModel(folder, 'threads', config));
  const text = Array.from(smallTokens(5, config.vocab));
  const answers: Float32Array[][] = [];
  for (const threads of [1, 2, 3]) {
    await using session = await openTextSession(model, WINDOW, { device: 'cpu', threads });
    const logits: Float32Array[] = [];
    for (let drawn = 0; drawn < 8; drawn++)
      logits.push((await session.next([...text, ...smallTokens(drawn, 99)])).slice());
    answers.push(logits);
  }
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
});

test('an answer beyond the first places of the cache is that of whole windows', async () => {
  const config = { ...llama, layers: 1, sequence: 640 };
  const model = await loadModel(await randomModel(folder, 'long', config));
  const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  await using cached = await openTextSession(model, 640, { device: 'cpu' });
  await using whole = await openTextSession(model, 640, { device: 'cpu', variant: 'fused' });
  for (const length of [127, 128, 129, 255, 256, 257, 258, 511, 514, 639, 640]) {
    const text = Array.from(smallTokens(length, config.vocab));
    const expected = (await whole.next(text)).slice();
    expect(difference(await cached.next(text), expected)).toBeLessThan(2e-3);
  }
  warning.mockRestore();
});
