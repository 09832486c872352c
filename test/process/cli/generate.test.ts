import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, evaluate, type GenerateOptions, generate, openTokenizer } from '@mayfly/core';
import { exportLlama2c, ParameterLayout } from '@mayfly/core/model';
import { beforeAll, describe, expect, test } from 'vitest';
import { smallConfig } from '../../fixtures/small-model.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteFallbackTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();
const text = join(folder, 'text.txt');
/** Ids of the tokenizer below. */
const IDS = 265;

/** A model of any vocabulary. */
async function modelOf(vocab: number): Promise<string> {
  const path = join(folder, `${vocab}.bin`);
  const config = { ...smallConfig, dim: 32, vocab };
  const values = Float32Array.from(
    { length: new ParameterLayout(config).count },
    (_, index) => Math.sin(index * index) / 4,
  );
  await exportLlama2c(path, config, values);
  return path;
}

const tokenizerWith = (name: string, added: readonly object[], beside: Record<string, object> = {}): string => {
  const json = byteFallbackTokenizer();
  const tokens = [...(json.added_tokens as object[]), ...added];
  return writeTokenizer(join(folder, name), { ...json, added_tokens: tokens }, beside);
};
const tokenizer = tokenizerWith('plain', [], { 'tokenizer_config.json': { eos_token: '</s>' } });

async function draw(options: GenerateOptions): Promise<{ ids: number[]; text: string }> {
  const ids: number[] = [];
  let drawn = '';
  for await (const token of generate({ device: 'cpu', maxTokens: 12, stopAtEnd: false, ...options })) {
    ids.push(token.id);
    drawn += token.text;
  }
  return { ids, text: drawn };
}

beforeAll(() => writeFileSync(text, 'ab '.repeat(400)));

test('only tokens of the tokenizer are drawn, and their text is whole', async () => {
  const model = await modelOf(1000);
  const opened = openTokenizer(tokenizer);
  const prompt = opened.encode('ab');
  for (const seed of [1, 2, 3]) {
    const { ids, text } = await draw({ model, tokenizer, prompt: 'ab', seed });
    expect(ids).toHaveLength(12);
    expect(Math.max(...ids)).toBeLessThan(IDS);
    expect(`ab${text}`).toBe(opened.decode([...prompt, ...ids]));
  }
});

test('an unfinished character at the end is given out', async () => {
  const model = await modelOf(IDS);
  for (const seed of [1, 2, 3, 4]) {
    const { ids, text } = await draw({ model, tokenizer, prompt: 'ab', seed, maxTokens: 1 });
    expect(`ab${text}`).toBe(openTokenizer(tokenizer).decode([...openTokenizer(tokenizer).encode('ab'), ...ids]));
  }
});

test('any of several tokens ends a text', async () => {
  const model = await modelOf(IDS);
  const options = { model, tokenizer, prompt: 'ab', temperature: 0, maxTokens: 5 };
  const { ids } = await draw(options);
  const stops = { 'config.json': { eos_token_id: 2 }, 'generation_config.json': { eos_token_id: [2, ids[2]] } };
  const stopping = tokenizerWith('stopping', [], stops);
  const until = ids.indexOf(ids[2]!);
  expect((await draw({ ...options, tokenizer: stopping, stopAtEnd: true })).ids).toEqual(ids.slice(0, until));
  expect((await draw({ ...options, tokenizer: stopping })).ids).toEqual(ids);
});

test('a text ends before a string, and at a token that is named', async () => {
  const model = await modelOf(IDS);
  const options = { model, tokenizer, prompt: 'ab', seed: 2, maxTokens: 30 };
  const whole = await draw(options);
  const stop = [...whole.text].slice(5, 8).join('');
  const before = whole.text.slice(0, whole.text.indexOf(stop));
  expect((await draw({ ...options, stop })).text).toBe(before);
  expect((await draw({ ...options, stop: ['never this', stop] })).text).toBe(before);
  expect((await draw({ ...options, stop: 'never this' })).text).toBe(whole.text);
  const until = whole.ids.indexOf(whole.ids[4]!);
  expect((await draw({ ...options, stopIds: [IDS - 1, whole.ids[4]!] })).ids).toEqual(whole.ids.slice(0, until));
});

test('a context beyond that of the model is refused', async () => {
  const options = { model: await modelOf(IDS), tokenizer, prompt: 'ab', context: smallConfig.sequence + 1 };
  await expect(draw(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});

describe('a tokenizer with more ids than the model', () => {
  const padded = tokenizerWith('padded', [{ id: IDS, content: '[PAD]', special: true, normalized: false }]);

  test('is used as long as no text names the token that is too many', async () => {
    const model = await modelOf(IDS);
    expect((await draw({ model, tokenizer: padded, prompt: 'ab' })).ids).toHaveLength(12);
    await expect(draw({ model, tokenizer: padded, prompt: 'ab[PAD]' })).rejects.toMatchObject({
      code: 'ERR_TOKEN_RANGE',
      message: `prompt: Expected token ids below the vocabulary's ${IDS}, got ${IDS} ("[PAD]") at position 2`,
    });
    const data = join(folder, 'padded.txt');
    writeFileSync(data, `${'ab '.repeat(100)}[PAD]`);
    await expect(evaluate({ model, tokenizer: padded, data, device: 'cpu' })).rejects.toMatchObject({
      code: 'ERR_TOKEN_RANGE',
      message: expect.stringContaining('("[PAD]")'),
    });
  });

  test('is refused where these are ordinary ones', async () => {
    const refusal = {
      code: 'ERR_TOKENIZER',
      message: expect.stringContaining(`at most the model's 200 ids, got ${IDS}`),
    };
    const model = await modelOf(200);
    await expect(draw({ model, tokenizer, prompt: 'ab' })).rejects.toMatchObject(refusal);
    await expect(evaluate({ model, tokenizer, data: text })).rejects.toMatchObject(refusal);
    await expect(createTrainer({ model, tokenizer, data: text })).rejects.toMatchObject(refusal);
  });
});

test('text is read as bytes only by request', async () => {
  const model = await modelOf(IDS);
  const refusal = { code: 'ERR_TOKENIZER', message: expect.stringContaining('got a model without one') };
  await expect(draw({ model, prompt: 'ab' })).rejects.toMatchObject(refusal);
  await expect(evaluate({ model, data: text })).rejects.toMatchObject(refusal);
  await expect(createTrainer({ model, data: text })).rejects.toMatchObject(refusal);
  expect(await evaluate({ model, data: text, tokenizer: 'bytes', windows: [0, 1], device: 'cpu' })).toMatchObject({
    targets: 32,
  });
  const tokens = join(folder, 'train.bin');
  writeFileSync(
    tokens,
    Uint16Array.from({ length: 1000 }, (_, index) => index % 200),
  );
  const binary = { code: 'ERR_DATA_FORMAT', message: expect.stringContaining('got a .bin file') };
  await expect(evaluate({ model, data: tokens })).rejects.toMatchObject(binary);
  await expect(createTrainer({ model: 'tiny', data: tokens })).rejects.toMatchObject(binary);
});
