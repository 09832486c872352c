import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, createTrainer, evaluate, exportModel, generate, loadModel, type TrainOptions } from '@mayfly/core';
import { countParameters, type ModelConfig, ParameterLayout, TokenArray, writeCheckpoint } from '@mayfly/core/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { randomModel } from '../../fixtures/random-model.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { fingerprint, runTraining } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const classes = 37;
const whole = 101;
/** Ids in ascending order with gaps, the last id of the vocabulary among them. */
const idOf = (index: number): number => (index === classes - 1 ? whole - 1 : Math.floor(index * 2.6) + 1);
const mapped = smallTokens(2000, classes);
const data = new TokenArray(Uint16Array.from(mapped, idOf), 'ids');
const small = new TokenArray(mapped, 'classes');
const compactVocabulary = true;

const config = (tiedHead: boolean): ModelConfig => ({ ...smallConfig, headDim: 6, vocab: whole, tiedHead });
const pool = await createPool({ arenaBytes: 2 ** 26, device: 'cpu', workers: 2, standby: 0, threads: 1 });
afterAll(() => pool.close());
const options = {
  ...{ batch: 2, seq: 16, accumulate: 2, steps: 4, lr: 3e-3, warmup: 1, weightDecay: 0.1, hostThreads: 2 },
  ...{ evaluateWindows: 20, pool },
} as const satisfies TrainOptions;

async function parametersOf(path: string): Promise<Float32Array> {
  const model = await loadModel(path);
  const parameters = new Float32Array(countParameters(model.config));
  await model.parameters!(parameters);
  return parameters;
}

/** A model's parameters, and those of its part that has the classes alone. */
function parted(parameters: Float32Array, of: ModelConfig): { readonly used: Float32Array; readonly rest: number[] } {
  const used: number[] = [];
  const rest: number[] = [];
  for (const { name, layer, offset, count } of new ParameterLayout(of).entries) {
    const values = parameters.subarray(offset, offset + count);
    const isTable = layer < 0 && name !== 'finalNorm';
    for (let row = 0; row < (isTable ? whole : 1); row++) {
      const isUsed = !isTable || Array.from({ length: classes }, (_, index) => idOf(index)).includes(row);
      const part = isTable ? values.subarray(row * of.dim, (row + 1) * of.dim) : values;
      for (const value of part) (isUsed ? used : rest).push(value);
    }
  }
  return { used: Float32Array.from(used), rest };
}

/** A random model of the whole vocabulary, and the part of it that has the classes alone. */
async function twoModels(tiedHead: boolean) {
  const name = tiedHead ? 'tied' : 'untied';
  const model = await randomModel(folder, name, config(tiedHead));
  const directory = join(folder, `${name}-classes`);
  const { used } = parted(await parametersOf(model), config(tiedHead));
  const header = { config: { ...config(tiedHead), vocab: classes } };
  const part = existsSync(directory)
    ? directory
    : join(await writeCheckpoint(directory, 0, header, { parameters: new Uint8Array(used.buffer) }), '..');
  return { model, part };
}

describe.each([true, false])('tied head: %s', (tiedHead) => {
  test.each(['dynamic', 'static'] as const)('equals a model of the classes alone, %s weights', async (weights) => {
    const { model, part } = await twoModels(tiedHead);
    const expected = await runTraining({ ...options, weights, model: part, data: small });
    const compact = await runTraining({ ...options, weights, model, data, compactVocabulary });
    expect(fingerprint(compact)).toEqual(fingerprint(expected));
    expect(compact.summary.wholeVocabulary).toMatchObject({ classes, vocabulary: whole, on: 'data' });
  });

  test('a checkpoint is a model of the whole vocabulary, whose other rows are as before', async () => {
    const { model } = await twoModels(tiedHead);
    const out = join(folder, `run-${tiedHead}`);
    const { summary } = await runTraining({ ...options, model, data, compactVocabulary, out });
    const [before, after] = [await parametersOf(model), await parametersOf(out)].map((all) =>
      parted(all, config(tiedHead)),
    );
    expect(after!.rest).toEqual(before!.rest);
    expect(after!.used).not.toEqual(before!.used);
    // The loss over all ids is that of the model which was written.
    const measured = summary.wholeVocabulary!;
    const { crossEntropy } = await evaluate({ model: out, data, window: 16, windows: [0, 20] });
    expect(measured.crossEntropy).toBeCloseTo(crossEntropy, 5);
    expect(measured.compactCrossEntropy).toBeLessThan(measured.crossEntropy);
    const exported = join(folder, `exported-${tiedHead}.bin`);
    await exportModel({ model: out, format: 'llama2c', out: exported });
    expect(await parametersOf(exported)).toEqual(await parametersOf(out));
  });
});

test('fresh parameters are those of the whole model', async () => {
  const out = join(folder, 'fresh');
  const fresh = { ...options, data, model: config(true), seed: 5 };
  await runTraining({ ...fresh, steps: 1, lr: 1e-9, weightDecay: 0, out: join(folder, 'whole') });
  await runTraining({ ...fresh, steps: 1, lr: 1e-9, weightDecay: 0, compactVocabulary, out });
  const [compact, all] = [await parametersOf(out), await parametersOf(join(folder, 'whole'))];
  expect(compact.every((value, index) => Math.abs(value - all[index]!) < 1e-8)).toBe(true);
});

describe('a run', () => {
  const out = join(folder, 'stopped');

  test('stopped and resumed, equals the run that was not', async () => {
    const given = { ...options, data, model: config(false), compactVocabulary, validation: 0.2 };
    const uninterrupted = await runTraining(given);
    await runTraining({ ...given, out }, 2);
    const rest = await runTraining({ resume: out, data, pool });
    expect(fingerprint(rest)).toEqual(fingerprint(uninterrupted));
    expect(rest.summary.wholeVocabulary).toEqual(uninterrupted.summary.wholeVocabulary);
    expect(rest.summary.wholeVocabulary).toMatchObject({ on: 'validation' });
  });

  test('whose data have other classes when it is resumed ends with one clear error', async () => {
    const others = new TokenArray(Uint16Array.from([...Array(100).keys()]), 'others');
    await expect(createTrainer({ resume: out, data: others, steps: 9, allowChangedData: true, pool })).rejects.toThrow(
      /compact vocabulary of 37 alone, got 64 others, the first of them 0$/,
    );
    await expect(createTrainer({ resume: out, data, compactVocabulary: false })).rejects.toThrow(
      'Expected compactVocabulary to be true as in the run that is resumed, got false',
    );
  });

  test('of adapters trains them on the rows that are there, and saves adapters of the whole model', async () => {
    const { model, part } = await twoModels(false);
    const lora = { rank: 2, targets: ['wq', 'w2'] };
    const adapted = join(folder, 'adapters');
    const expected = await runTraining({ ...options, lora, model: part, data: small });
    const compact = await runTraining({ ...options, lora, model, data, compactVocabulary, out: adapted });
    expect(compact.records.map(({ loss }) => loss)).toEqual(expected.records.map(({ loss }) => loss));
    const { crossEntropy } = await evaluate({ model: adapted, data, window: 16, windows: [0, 20] });
    expect(compact.summary.wholeVocabulary!.crossEntropy).toBeCloseTo(crossEntropy, 4);
  });
});

test('text: samples, prompts and generated text have the ids of the tokenizer', async () => {
  const out = join(folder, 'text');
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'once upon a time '.repeat(60));
  await using trainer = await createTrainer({
    ...{ ...options, model: 'tiny', data: text, out, compactVocabulary, sample: 'A', sampleTokens: 5, sampleEvery: 4 },
  });
  const samples: string[] = [];
  trainer.on('sample', (sample) => samples.push(sample.text));
  await trainer.train();
  // The letters of the text, and that of the prompt.
  expect(trainer.classes).toBe(new Set('once upon a time A').size);
  expect(samples.join('')).toMatch(/^[once upatimA]{5}$/);
  const drawn: number[] = [];
  for await (const id of trainer.generate([...Buffer.from('once')], { maxTokens: 4 })) drawn.push(id);
  expect(Buffer.from(drawn).toString()).toMatch(/^[once upatimA]{4}$/);
  await expect(trainer.generate([...Buffer.from('z')]).next()).rejects.toMatchObject({ code: 'ERR_VOCABULARY' });
  const written: string[] = [];
  for await (const token of generate({ model: out, prompt: 'zebra', maxTokens: 3 })) written.push(token.text);
  expect(written).toHaveLength(3);
  expect(readFileSync(join(out, 'log.jsonl'), 'utf8')).toContain('"event":"wholeVocabulary"');
});
