import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { evaluate, exportModel, loadModel, openTokenizer } from '@mayfly/core';
import { countParameters, type ModelConfig, TokenArray } from '@mayfly/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { randomModel } from '../../fixtures/random-model.js';
import { sharedData } from '../../fixtures/shared-data.js';
import { smallTokens } from '../../fixtures/small-model.js';
import { stories, storiesAbsent } from '../../fixtures/stories260k.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const half: ModelConfig = {
  ...{ dim: 32, hidden: 52, layers: 2, heads: 4, kvHeads: 2, headDim: 8, vocab: 64, sequence: 48 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: false },
};
const interleaved: ModelConfig = { ...half, ropePairing: 'interleaved', tiedHead: true };
const tokens = new TokenArray(smallTokens(400, 64), 'tokens');
let halfModel: string;
let interleavedModel: string;

beforeAll(async () => {
  halfModel = await randomModel(folder, 'half', half);
  interleavedModel = await randomModel(folder, 'interleaved', interleaved, 2);
});

async function parametersOf(path: string): Promise<Float32Array> {
  const model = await loadModel(path);
  const parameters = new Float32Array(countParameters(model.config));
  await model.parameters!(parameters);
  return parameters;
}

const crossEntropy = async (model: string) => (await evaluate({ model, data: tokens, window: 40 })).crossEntropy;

describe('hf', () => {
  test('a model comes back in the same bits, from one file and from several', async () => {
    const one = join(folder, 'one');
    expect((await exportModel({ model: halfModel, format: 'hf', out: one })).files).toEqual([
      'config.json',
      'model.safetensors',
    ]);
    const several = join(folder, 'several');
    const { files } = await exportModel({ model: halfModel, format: 'hf', out: several, shardBytes: 20_000 });
    expect(files.length).toBeGreaterThan(4);
    expect(readdirSync(several).sort()).toEqual([...files].sort());
    for (const path of [one, several]) {
      expect((await loadModel(path)).config).toEqual(half);
      expect(await parametersOf(path)).toEqual(await parametersOf(halfModel));
      expect(await crossEntropy(path)).toBe(await crossEntropy(halfModel));
    }
  });

  test('interleaved pairs become halves, and pairs again on the way to llama2.c', async () => {
    const out = join(folder, 'paired');
    await exportModel({ model: interleavedModel, format: 'hf', out });
    expect((await loadModel(out)).config).toEqual({ ...interleaved, ropePairing: 'half' });
    expect(await parametersOf(out)).not.toEqual(await parametersOf(interleavedModel));
    // The sums of q·k run in another order.
    expect(await crossEntropy(out)).toBeCloseTo(await crossEntropy(interleavedModel), 4);
    await exportModel({ model: out, format: 'llama2c', out: `${out}.bin` });
    expect(await parametersOf(`${out}.bin`)).toEqual(await parametersOf(interleavedModel));
    expect(await crossEntropy(`${out}.bin`)).toBe(await crossEntropy(interleavedModel));
  });

  test('f16 and bf16 are the nearest numbers', async () => {
    const exact = await parametersOf(halfModel);
    for (const [dtype, step] of [
      ['f16', 2 ** -11],
      ['bf16', 2 ** -8],
    ] as const) {
      const out = join(folder, dtype);
      await exportModel({ model: halfModel, format: 'hf', out, dtype });
      const rounded = await parametersOf(out);
      expect(rounded).not.toEqual(exact);
      const wrong = exact.findIndex(
        (value, index) => Math.abs(value - rounded[index]!) > step * Math.abs(value) + 2 ** -25,
      );
      expect(wrong).toBe(-1);
    }
  });

  test('what is there stays, without --overwrite and with files of others', async () => {
    const out = join(folder, 'kept');
    mkdirSync(out);
    await exportModel({ model: halfModel, format: 'hf', out });
    const again = exportModel({ model: halfModel, format: 'hf', out });
    await expect(again).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
    await exportModel({ model: interleavedModel, format: 'hf', out, overwrite: true });
    expect((await loadModel(out)).config.tiedHead).toBe(true);
    writeFileSync(join(out, 'thesis.txt'), 'years of work');
    const overwriting = exportModel({ model: halfModel, format: 'hf', out, overwrite: true });
    await expect(overwriting).rejects.toMatchObject({
      code: 'ERR_FILE_EXISTS',
      message: expect.stringContaining('thesis.txt'),
    });
    expect(readFileSync(join(out, 'thesis.txt'), 'utf8')).toBe('years of work');
  });

  test('a cancelled export leaves nothing', async () => {
    const before = readdirSync(folder).sort();
    for (const format of ['hf', 'gguf'] as const) {
      const out = join(folder, 'cancelled');
      const stopped = exportModel({ model: halfModel, format, out, signal: AbortSignal.abort(new Error('enough')) });
      await expect(stopped).rejects.toThrow('enough');
    }
    expect(readdirSync(folder).sort()).toEqual(before);
  });
});

describe('gguf', () => {
  test('another reader finds every tensor: fp32 in the same bits, Q8_0 within half a step', async () => {
    const exact = new Map<string, Float32Array>();
    for (const dtype of ['f32', 'q8_0'] as const) {
      const out = join(folder, `${dtype}.gguf`);
      await exportModel({ model: interleavedModel, format: 'gguf', dtype, out });
      const { metadata, tensorInfos, tensorDataOffset } = await gguf(out, { allowLocalFile: true });
      expect(metadata).toMatchObject({
        'general.architecture': 'llama',
        'llama.embedding_length': 32,
        'llama.attention.head_count_kv': 2,
        'tokenizer.ggml.model': 'none',
      });
      const file = readFileSync(out);
      for (const { name, shape, dtype: type, offset } of tensorInfos) {
        const start = Number(tensorDataOffset + offset);
        const count = shape.map(Number).reduce((product, axis) => product * axis);
        expect(start % 32).toBe(0);
        if (dtype === 'f32') {
          expect(type).toBe(GGMLQuantizationType.F32);
          exact.set(
            name,
            new Float32Array(file.buffer.slice(file.byteOffset + start, file.byteOffset + start + 4 * count)),
          );
          continue;
        }
        // Rows of 52 are no whole blocks, and vectors stay as they are.
        const expected =
          shape.length === 1
            ? GGMLQuantizationType.F32
            : Number(shape[0]) % 32 === 0
              ? GGMLQuantizationType.Q8_0
              : GGMLQuantizationType.F16;
        expect([name, type]).toEqual([name, expected]);
        if (type !== GGMLQuantizationType.Q8_0) continue;
        for (let block = 0; block < count / 32; block++) {
          const values = exact.get(name)!.subarray(32 * block, 32 * block + 32);
          const largest = Math.max(...values.map(Math.abs));
          for (let index = 0; index < 32; index++) {
            const scale = halfAt(file, start + 34 * block);
            const value = scale * file.readInt8(start + 34 * block + 2 + index);
            // Half a step, and the scale's own rounding to fp16.
            expect(Math.abs(value - values[index]!)).toBeLessThan((largest / 127) * (0.5 + 127 * 2 ** -11) + 1e-9);
          }
        }
      }
      expect(tensorInfos.map(({ name }) => name)).toContain('blk.1.ffn_down.weight');
      expect(tensorInfos).toHaveLength(2 + 2 * 9);
    }
    const { entries } = new (await import('@mayfly/core/testing')).ParameterLayout(interleaved);
    const parameters = await parametersOf(interleavedModel);
    const names = { embedding: 'token_embd.weight', wq: 'attn_q.weight', w2: 'ffn_down.weight' } as const;
    for (const { name, layer, offset, count } of entries) {
      if (!(name in names)) continue;
      const stored = `${layer < 0 ? '' : `blk.${layer}.`}${names[name as keyof typeof names]}`;
      expect(exact.get(stored)).toEqual(parameters.slice(offset, offset + count));
    }
  });
});

function halfAt(file: Buffer, position: number): number {
  const bits = file.readUInt16LE(position);
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  return exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
}

describe('tokenizers', () => {
  const text = 'Once upon a time, there was a little girl named Lily.\n\nShe said: "Hé, 漢字!"  <s>';

  test('bytes become a tokenizer.json that reads bytes', async () => {
    const out = join(folder, 'bytes');
    await exportModel({ model: await randomModel(folder, 'byte', { ...half, vocab: 256 }), format: 'hf', out });
    const { tokenizer } = await loadModel(out);
    const opened = openTokenizer(tokenizer!);
    expect(opened.encode(text)).toEqual([...Buffer.from(text)]);
    expect(opened.decode(opened.encode(text))).toBe(text);
  });

  test.skipIf(storiesAbsent)('a vocabulary of llama2.c becomes a tokenizer.json with the same ids', async () => {
    const out = join(folder, 'stories');
    const { path: model } = stories.model;
    await exportModel({ model, tokenizer: stories.tokenizer.path, format: 'hf', out });
    const before = openTokenizer(stories.tokenizer.path);
    const after = openTokenizer(out);
    const told = text.replace('  <s>', '');
    expect(after.encode(told)).toEqual(before.encode(told));
    expect(after.stops).toEqual(before.stops);
  });

  const story = sharedData('story-656k');
  test.skipIf(story.absent)('a folder of transformers goes out as it came, by way of a run', async () => {
    const run = join(folder, 'story-run');
    const out = join(folder, 'story');
    const lesson = join(folder, 'lesson.txt');
    writeFileSync(lesson, 'Once upon a time there was a little girl. '.repeat(40));
    const trained = await mayfly([
      ...['train', '--model', story.path, '--data', lesson, '--out', run],
      ...['--steps', '1', '--batch', '1', '--seq', '16', '--lr', '1e-30'],
    ]);
    expect(trained).toMatchObject({ code: 0 });
    const ended = await mayfly(['export', run, '--format', 'hf', '--out', out, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ended.lines[0]!)).toMatchObject({ format: 'hf', dtype: 'f32', out, parameters: 656_000 });
    for (const name of [
      'tokenizer.json',
      'tokenizer_config.json',
      'special_tokens_map.json',
      'generation_config.json',
    ]) {
      expect(readFileSync(join(out, name)).equals(readFileSync(join(story.path, name))), name).toBe(true);
    }
    const [came, goes] = [story.path, out].map((path) => JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')));
    // These change no number.
    const { transformers_version: _, attention_dropout: __, pretraining_tp: ___, ...mathematics } = came;
    expect(goes).toMatchObject(mathematics);
    expect(await parametersOf(out)).toEqual(await parametersOf(story.path));
  });
});

describe('the command', () => {
  test('says what is wrong in one line', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [
        [halfModel, '--format', 'onnx', '--out', 'x'],
        /^mayfly: Expected --format to be hf or llama2c or gguf or peft, got `onnx`\n$/,
      ],
      [
        [halfModel, '--format', 'hf', '--dtype', 'q8_0', '--out', 'x'],
        /^mayfly: Expected --dtype to be f32 or f16 or bf16 for hf, got/,
      ],
      [['tiny', '--format', 'hf', '--out', 'x'], /^mayfly: Expected model to be a model with parameters, got/],
      [[halfModel, '--format', 'gguf'], /^mayfly: Expected out to be given|^mayfly: Expected --out/],
    ];
    for (const [args, message] of cases) {
      const ended = await mayfly(['export', ...args], { cwd: folder });
      expect(ended).toMatchObject({ code: 2, lines: [] });
      expect(ended.stderr).toMatch(message);
    }
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });
});
