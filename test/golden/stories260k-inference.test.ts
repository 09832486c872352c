import { evaluate, generate, loadModel, openTokenizer } from '@mayfly/core';
import { InferenceSession } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { SENTENCE, SENTENCE_IDS, SENTENCE_LOSS, stories, storiesAbsent } from '../fixtures/stories260k.js';

const GREEDY_IDS = [403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337];

describe.skipIf(storiesAbsent)('stories260K', () => {
  describe.each(['dynamic', 'static'] as const)('%s weights', (weights) => {
    const model = stories.model.path;
    const tokenizer = stories.tokenizer.path;

    test.each([
      [64, [0, 256], 1.479328],
      [256, [0, 64], 1.303471],
    ] as const)('cross-entropy of windows of %i tokens, %o', async (window, windows, expected) => {
      const { crossEntropy, targets } = await evaluate({ model, data: stories.tokens.path, window, windows, weights });
      expect(targets).toBe(window * (windows[1] - windows[0]));
      expect(Math.abs(crossEntropy - expected)).toBeLessThan(1e-3);
    });

    test('a batch that is not full gives the same cross-entropy', async () => {
      const data = stories.tokens.path;
      const of = (batch: number) => evaluate({ model, data, window: 64, windows: [3, 10], batch, weights });
      const [whole, padded] = [await of(7), await of(4)];
      expect(padded.targets).toBe(whole.targets);
      expect(padded.crossEntropy).toBeCloseTo(whole.crossEntropy, 4);
    });

    test('the golden sentence', async () => {
      const ids = openTokenizer(tokenizer).encode(SENTENCE);
      expect(ids).toEqual(SENTENCE_IDS);
      await using session = await InferenceSession.open(await loadModel(model), 1, 16, { weights });
      const { decoder } = session;
      await decoder.forward(ids.slice(0, -1));
      expect(Math.abs((await decoder.crossEntropy(ids.slice(1))) / 15 - SENTENCE_LOSS)).toBeLessThan(1e-3);
    });

    test('greedy tokens from the beginning', async () => {
      const ids: number[] = [];
      for await (const { id } of generate({ model, tokenizer, temperature: 0, maxTokens: 20, weights })) ids.push(id);
      expect(ids).toEqual(GREEDY_IDS);
    });
  });
});
