import { evaluate, generate, openTokenizer, TokenArray } from '@mayfly/core';
import { importHuggingFace, readHuggingFaceConfig } from '@mayfly/core/model';
import { ParameterLayout } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { referenceLoss } from '../fixtures/reference-decoder.js';
import { sharedData } from '../fixtures/shared-data.js';

const { path: folder, absent } = sharedData('story-656k');
if (absent !== false) console.warn(`skipping the Hugging Face model: ${absent}`);

const SENTENCE = 'Once upon a time, there was a little girl named Lily.';

test.skipIf(absent)('a Hugging Face model on the device has the loss of the reference', async () => {
  const config = readHuggingFaceConfig(folder);
  const parameters = new Float32Array(new ParameterLayout(config).count);
  importHuggingFace(folder, parameters);
  const tokens = openTokenizer(folder).encode(SENTENCE);
  const inputs = tokens.slice(0, -1);
  const expected = referenceLoss(config, Float64Array.from(parameters), inputs.length, inputs, tokens.slice(1));
  const stream = new TokenArray(Uint16Array.from(tokens), 'sentence');
  const { crossEntropy } = await evaluate({ model: folder, data: stream, window: inputs.length, device: 'cpu' });
  expect(Math.abs(crossEntropy - expected)).toBeLessThan(1e-3);
});

test.skipIf(absent)('a Hugging Face model tells the story it was trained to, with its own tokenizer', async () => {
  let text = '';
  for await (const token of generate({ model: folder, temperature: 0, maxTokens: 20, device: 'cpu' }))
    text += token.text;
  expect(text).toMatch(/^Once upon a time, there was a little girl named Lily\. /);
});
