import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evaluate, generate, loadModel } from '@mayfly/core';
import { readCheckpointHeader } from '@mayfly/core/checkpoint';
import { exportLlama2c, ParameterLayout } from '@mayfly/core/model';
import { describe, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { forgeCheckpoint, packed } from '../../fixtures/forge-checkpoint.js';
import { sharedData } from '../../fixtures/shared-data.js';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const resumed = (out: string, more = {}) => runTraining({ resume: out, steps: 6, pool: { standby: 0 }, ...more });

function place(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

describe('a run that goes on', () => {
  test('refuses changed data without allowChangedData', async () => {
    const here = place('changed');
    const tokens = join(here, 'data.u16');
    cpSync(data, tokens);
    const out = join(here, 'run');
    await runTraining({ ...smallRun, data: tokens, out, steps: 2 });
    const bytes = readFileSync(tokens);
    bytes[bytes.length - 2]! ^= 1;
    writeFileSync(tokens, bytes);
    await expect(resumed(out)).rejects.toMatchObject({
      code: 'ERR_CHANGED_INPUT',
      message: expect.stringContaining(
        `the data at ${tokens} is not that of the run (4000 tokens then, 4000 now; SHA-256`,
      ),
    });
    const { summary } = await resumed(out, { allowChangedData: true });
    expect(summary).toMatchObject({ lastStep: 6, reason: 'finished' });
  });

  test('takes the same data from another place', async () => {
    const here = place('moved');
    const tokens = join(here, 'data.u16');
    cpSync(data, tokens);
    const whole = await runTraining({ ...smallRun, data });
    await runTraining({ ...smallRun, data: tokens, out: join(here, 'run'), steps: 2 });
    renameSync(tokens, join(here, 'other.u16'));
    await expect(resumed(join(here, 'run'))).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    const second = await resumed(join(here, 'run'), { data: join(here, 'other.u16') });
    expect(fingerprint(second)).toEqual(fingerprint(whole));
  });

  test('refuses a changed model, and does not need a missing one', async () => {
    const here = place('model');
    const model = join(here, 'model.bin');
    const config = { ...smallConfig, dim: 32, vocab: 200 };
    const values = Float32Array.from({ length: new ParameterLayout(config).count }, (_, index) => Math.sin(index) / 10);
    await exportLlama2c(model, config, values);
    const out = join(here, 'run');
    await runTraining({ ...smallRun, data, model, out, steps: 2 });
    const again = cpSync.bind(null, out);
    again(join(here, 'second'), { recursive: true });
    values[7] = 1;
    await exportLlama2c(model, config, values);
    const message = expect.stringContaining(`the model at ${model} is not that of the run`);
    await expect(resumed(out)).rejects.toMatchObject({ code: 'ERR_CHANGED_INPUT', message });
    await expect(resumed(out, { model })).rejects.toMatchObject({ code: 'ERR_CHANGED_INPUT', message });
    await expect(resumed(out, { model: 'tiny' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    rmSync(model);
    expect((await resumed(join(here, 'second'))).summary.lastStep).toBe(6);
    // It still knows which model that was.
    await exportLlama2c(model, config, values);
    await expect(resumed(join(here, 'second'), { steps: 7 })).rejects.toMatchObject({ message });
  });

  test('finds its data from another working directory', async () => {
    const here = place('directory');
    cpSync(data, join(here, 'data.u16'));
    const run = ['--batch', '2', '--seq', '16', '--standby', '0', '--json'];
    const first = await mayfly(['train', '--data', 'data.u16', ...run, '--steps', '2', '--out', 'run'], { cwd: here });
    expect(first.code).toBe(0);
    const second = await mayfly(['train', '--resume', join(here, 'run'), '--standby', '0', '--steps', '3', '--json'], {
      cwd: '/',
    });
    expect([second.code, second.stderr]).toEqual([0, '']);
  });

  test('derives derived options again', async () => {
    const out = join(folder, 'derived');
    await runTraining({ ...smallRun, data, out, lr: 1e-3, schedule: 'cosine', steps: 3 });
    const { records } = await resumed(out, { lr: 1e-5 });
    expect(records.at(-1)!.lr).toBeCloseTo(1e-6, 12);
  });
});

/** One token a character. */
function writeTokenizer(path: string, letters: string): void {
  const vocab = Object.fromEntries(Array.from(letters, (letter, id) => [letter, id]));
  const model = { type: 'BPE', vocab, merges: [], byte_fallback: false };
  const json = {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' },
    model,
  };
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(json));
}

describe('a run brings its tokenizer', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz .';
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'the quick brown fox jumps over the lazy dog. '.repeat(40));

  async function runWithTokenizer(name: string): Promise<{ here: string; tokenizer: string; out: string }> {
    const here = place(name);
    const tokenizer = join(here, 'tokenizer');
    mkdirSync(tokenizer);
    writeTokenizer(tokenizer, letters);
    const out = join(here, 'run');
    const config = { ...smallConfig, vocab: letters.length };
    await runTraining({ ...smallRun, model: config, data: text, tokenizer, out, steps: 2 });
    return { here, tokenizer, out };
  }
  async function drawn(model: string): Promise<string> {
    let all = '';
    for await (const token of generate({ model, prompt: 'the ', maxTokens: 8 })) all += token.text;
    return all;
  }

  test('wherever its folder, and its tokenizer, have gone', async () => {
    const { here, tokenizer, out } = await runWithTokenizer('carried');
    const before = [await drawn(out), await evaluate({ model: out, data: text, window: 16 })];
    rmSync(tokenizer, { recursive: true });
    renameSync(out, join(here, 'elsewhere'));
    const checkpoint = join(here, 'alone.mayfly');
    cpSync(join(here, 'elsewhere', 'step-00000002.mayfly'), checkpoint);
    for (const model of [join(here, 'elsewhere'), checkpoint]) {
      expect([await drawn(model), await evaluate({ model, data: text, window: 16 })]).toEqual(before);
    }
    expect((await resumed(join(here, 'elsewhere'))).summary.lastStep).toBe(6);
    // A new run from it carries the tokenizer on.
    const next = join(here, 'next');
    await runTraining({ ...smallRun, model: checkpoint, data: text, out: next, steps: 1 });
    rmSync(checkpoint);
    expect((await drawn(next)).length).toBe(8);
  });

  test('and refuses another', async () => {
    const { tokenizer, out } = await runWithTokenizer('other');
    writeTokenizer(tokenizer, `.${letters.slice(0, -1)}`);
    await expect(resumed(out, { tokenizer })).rejects.toMatchObject({
      code: 'ERR_CHANGED_INPUT',
      message: expect.stringMatching(/the data at .+; the tokenizer at .+tokenizer\.json is not that of the run/),
    });
    // The one that it carries is taken, whatever lies in the old place.
    expect((await resumed(out)).summary.lastStep).toBe(6);
  });
});

describe('a checkpoint of format version 1', () => {
  const old = fileURLToPath(new URL('../../fixtures/format-1', import.meta.url));
  const tokens = join(folder, 'format-1.u16');
  writeFileSync(tokens, smallTokens(400, 16));

  test('is resumed', async () => {
    const out = join(folder, 'format-1');
    cpSync(old, out, { recursive: true });
    const losses = [2.7503142875526017, 2.7141027323143554, 2.7547535849608606];
    const { records } = await resumed(out, { data: tokens });
    for (const [index, { loss }] of records.entries()) expect(loss).toBeCloseTo(losses[index]!, 5);
    const { version, header } = await readCheckpointHeader(out);
    expect(version).toBe(2);
    expect(header.inputs).toMatchObject({ data: { source: tokens, tokens: 400 } });
    expect(header.options).not.toHaveProperty('minLr');
  });

  test('is evaluated', async () => {
    expect(await evaluate({ model: old, data: tokens, window: 8 })).toMatchObject({ crossEntropy: expect.any(Number) });
  });

  const { path, absent } = sharedData('upgrade-2e6f2c9');
  test.skipIf(absent).each([
    ['dynamic', [5.744240509700264, 5.689470853677209, 5.69125721533636, 5.590708348982506]],
    ['static', [5.744235832668122, 5.689475132658925, 5.691248115309413, 5.590690769710661]],
  ] as const)(
    `of 260,000 parameters with %s weights is resumed (${absent || 'shared data'})`,
    async (weights, losses) => {
      const here = place(`upgrade-${weights}`);
      const shake = readFileSync(sharedData('tinyshakespeare/input.txt').path).subarray(0, 200_000);
      writeFileSync(join(here, 'shake.txt'), shake);
      const options = { resume: join(path, `${weights}-step-00000006.mayfly`), data: join(here, 'shake.txt') };
      const { records } = await runTraining({ ...options, out: join(here, 'run'), steps: 10, pool: { standby: 0 } });
      for (const [index, { loss }] of records.entries()) expect(Math.abs(loss - losses[index]!)).toBeLessThan(1e-4);
    },
  );
});

describe('a forged training checkpoint', () => {
  const model = { dim: 8, hidden: 12, layers: 1, heads: 2, kvHeads: 1, headDim: 4, vocab: 16, sequence: 16 };
  const config = { ...model, eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: true };
  const bytes = 4 * new ParameterLayout(config as never).count;
  const progress = {
    counts: { step: 1, optimizerStep: 1 },
    lossScaler: { scale: 1024, goodSteps: 1, skipped: 0 },
    windows: { order: 'sequential', taken: 2 },
    lossDigest: '',
    lastLoss: 1,
  };
  const good = { step: 1, config, options: { data }, progress };
  const cases: Record<string, object> = {
    'a config of a billion layers': { ...good, config: { ...config, layers: 1e9 } },
    'a config whose sizes multiply beyond numbers': { ...good, config: { ...config, dim: 2 ** 52, hidden: 2 ** 52 } },
    'a config of text': { ...good, config: 'big' },
    'a config of wrong types': { ...good, config: { ...config, heads: {} } },
    'no options': { ...good, options: null },
    'options in an array': { ...good, options: [] },
    'no progress': { ...good, progress: undefined },
    'counts of another step': { ...good, progress: { ...progress, counts: { step: 7, optimizerStep: 1 } } },
    'a loss scale of NaN': { ...good, progress: { ...progress, lossScaler: { scale: Number.NaN } } },
    'windows at a fraction': { ...good, progress: { ...progress, windows: { order: 'sequential', taken: 0.5 } } },
    'a generator of another size': { ...good, progress: { ...progress, windows: { order: 'random', random: [1, 2] } } },
    'windows in no order': { ...good, progress: { ...progress, windows: { order: '__proto__' } } },
    'a digest that is none': { ...good, progress: { ...progress, lossDigest: 'x' } },
    'a loss of text': { ...good, progress: { ...progress, lastLoss: 'low' } },
    'inputs in version 1': { ...good, inputs: {} },
  };

  test.each(Object.keys(cases))('with %s is ERR_CHECKPOINT', async (name) => {
    const path = join(folder, 'forged.mayfly');
    const sections = { parameters: [0, bytes], firstMoments: [8192, bytes], secondMoments: [16_384, bytes] };
    forgeCheckpoint(path, packed({ fields: cases[name], sections }), new Uint8Array(16_384 + bytes), 1);
    await expect(runTraining({ resume: path, data, out: join(folder, 'never') })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
    });
    if (name.startsWith('a config')) await expect(loadModel(path)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  test('with invalid inputs, or a tokenizer file outside of its folder, is ERR_CHECKPOINT', async () => {
    const path = join(folder, 'forged-inputs.mayfly');
    const identity = { source: 'x', sha256: '0'.repeat(64) };
    const sections = { parameters: [0, bytes], 'tokenizer/../../escaped': [8192, 3] };
    for (const inputs of [
      undefined,
      null,
      7,
      { data: identity },
      { model: null, data: identity, tokenizer: identity },
    ]) {
      forgeCheckpoint(path, packed({ fields: { ...good, inputs }, sections }), new Uint8Array(8192 + 3));
      await expect(runTraining({ resume: path, data })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    }
    expect(readdirSync(join(folder, '..')).includes('escaped')).toBe(false);
  });
});
