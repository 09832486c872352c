import { join } from 'node:path';
import { createTrainer, evaluate, type ModelConfig, TokenArray, type TrainOptions } from '@mayfly/core';
import {
  checkLayer,
  decoderLayer,
  decoderLayerOf,
  defineLayer,
  defineOperation,
  type LayerDefinition,
  type LayersOption,
  project,
} from '@mayfly/core/layers';
import { initializeParameters, ParameterLayout, readCheckpoint } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { parallelLayer, qkNormLayer } from '../../fixtures/own-layers.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const code = (expected: string, message: RegExp) =>
  expect.objectContaining({ code: expected, message: expect.stringMatching(message) });

describe('checkLayer', () => {
  test.each([decoderLayer, parallelLayer, qkNormLayer])('finds the gradients of $name right', async (definition) => {
    const { error, ...errors } = await checkLayer(definition);
    expect(error).toBeLessThan(0.01);
    const names = ['x', 'y', ...Object.keys(definition.parameters({ ...sizes }))].sort();
    for (const each of [errors.dynamic, errors.static]) expect(Object.keys(each).sort()).toEqual(names);
  });

  test("finds the gradients of the decoder's layer right with every option of a model", async () => {
    const definition = decoderLayerOf({ attentionBias: true, outputBias: true, mlpBias: true, qkNorm: true });
    const ropeScaling = { type: 'linear', factor: 2, originalSequence: 3 } as const;
    const { error, dynamic } = await checkLayer(definition, { shape: { ropeScaling, slidingWindow: 3 } });
    expect(error).toBeLessThan(0.01);
    expect(Object.keys(dynamic)).toHaveLength(2 + 9 + 7 + 2);
  });

  test('names a gradient that is wrong', async () => {
    await expect(checkLayer(squareLayer({ factor: 1 }))).rejects.toEqual(
      code('ERR_LAYER', /^\[square\] Expected the gradient of/),
    );
    await expect(checkLayer(squareLayer({ factor: 2 }))).resolves.toMatchObject({ error: expect.any(Number) });
  });
});

const sizes = {
  ...{ dim: 32, hidden: 48, heads: 4, kvHeads: 2, headDim: 8, eps: 1e-5, ropeBase: 10_000, batch: 2, sequence: 6 },
  ropePairing: 'half' as const,
};

/** y = W2·(W1·xn)². The gradient is right for a factor of 2. */
const squareLayer = ({ factor }: { readonly factor: number }): LayerDefinition =>
  defineLayer({
    name: 'square',
    parameters: ({ dim, hidden }) => ({
      norm: { shape: [dim] },
      w1: { shape: [hidden, dim] },
      w2: { shape: [dim, hidden], residual: true },
    }),
    blocks: [
      {
        name: 'square',
        norm: 'norm',
        operations: [
          project('h', 'w1', 'xn'),
          defineOperation({
            inputs: ['h'],
            outputs: ['squared'],
            saved: ['h'],
            forward: ({ builder: b }, { h }) => ({ squared: b.mul(h, h) }),
            backward: ({ builder: b }, { squared }, { h }) => ({ h: b.mul(b.mul(squared, h), factor) }),
          }),
          project('y', 'w2', 'squared'),
        ],
      },
    ],
  });

test('checkLayer refuses an operation that returns no gradient', async () => {
  const [block] = squareLayer({ factor: 2 }).blocks;
  const [first, , last] = block!.operations;
  const square = defineOperation({
    inputs: ['h'],
    outputs: ['squared'],
    forward: ({ builder: b }, { h }) => ({ squared: b.mul(h, h) }),
    backward: () => ({}) as never,
  });
  const layer = defineLayer({
    ...squareLayer({ factor: 2 }),
    blocks: [{ ...block!, operations: [first!, square, last!] }],
  });
  await expect(checkLayer(layer)).rejects.toEqual(code('ERR_LAYER', /got none for h/));
});

test.each([
  ['a value that nothing makes', { operations: [project('y', 'w', 'h')] }, /values that were made before, got h/],
  ['no y', { operations: [project('h', 'w', 'xn'), project('g', 'v', 'h')] }, /an operation that makes y/],
  ['a value made twice', { operations: [project('y', 'w', 'xn'), project('y', 'v', 'xn')] }, /y again/],
  ['an output that is lost', { operations: [project('h', 'v', 'xn'), project('y', 'w', 'xn')] }, /none of h/],
  ['a parameter used twice', { operations: [project('h', 'w', 'xn'), project('y', 'w', 'h')] }, /w twice/],
])('defineLayer refuses %s', (_, { operations }, message) => {
  const define = () =>
    defineLayer({ name: 'wrong', parameters: () => ({}), blocks: [{ name: 'block', norm: 'norm', operations }] });
  expect(define).toThrow(code('ERR_LAYER', message));
});

const config: ModelConfig = {
  ...{ dim: 32, hidden: 64, layers: 3, heads: 4, kvHeads: 2, headDim: 8, vocab: 256, sequence: 32 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: true },
};
const text = 'the quick brown fox jumps over the lazy dog. ';

async function trainer(options: Partial<TrainOptions>) {
  const stream = new TokenArray(Buffer.from(text.repeat(100)), 'a repeated sentence');
  const shared = { batch: 2, seq: 32, steps: 30, lr: 3e-3, order: 'sequential', pool: { device: 'cpu' } } as const;
  if (options.resume !== undefined) return createTrainer({ steps: 30, data: stream, ...options });
  return createTrainer({ ...shared, model: config, data: stream, ...options });
}

const mixed: LayersOption = (layer) =>
  layer === 0 ? {} : layer === 1 ? { definition: parallelLayer, weights: 'static' } : { definition: qkNormLayer };

test('layers of three kinds and both weight strategies train, and a resumed run has the bits of one that was not stopped', async () => {
  const out = join(folder, 'mixed');
  await using whole = await trainer({ layers: mixed, steps: 30 });
  const losses: number[] = [];
  for await (const { loss } of whole.steps()) losses.push(loss);
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 1.5);

  {
    await using first = await trainer({ layers: mixed, steps: 15, out });
    expect((await first.train()).resumeCommand).toBeNull();
  }
  await expect(trainer({ resume: out })).rejects.toEqual(code('ERR_LAYER', /decoder, parallel, qk-norm/));
  await expect(trainer({ resume: out, layers: parallelLayer })).rejects.toEqual(code('ERR_LAYER', /got parallel/));
  await expect(evaluate({ model: out, data: new URL(import.meta.url).pathname })).rejects.toEqual(
    code('ERR_LAYER', /as `layers`/),
  );
  await using second = await trainer({ resume: out, layers: mixed, steps: 30 });
  await second.train();
  expect(second.parametersDigest()).toBe(whole.parametersDigest());
});

test('frozen parameters keep their bits, and the backward pass ends above them', async () => {
  const out = join(folder, 'frozen');
  await using frozen = await trainer({ freeze: ['embedding', 0, 1], steps: 4, out });
  const { dispatches } = await frozen.train();
  expect(dispatches).toBe(4 * (3 * 2 + 2));
  await using same = await trainer({ freeze: ['embedding', 0, 1], steps: 4, weights: 'static' });
  // The programs of all layers once, and those of the last one anew after each step.
  expect((await same.train()).compilations).toBe(3 * 2 + 2 + 4 * 4);

  const layout = new ParameterLayout(config);
  const after = new Float32Array(layout.count);
  const moments = new Uint8Array(
    4 *
      layout.entries
        .filter(({ layer, name }) => layer === 2 || name === 'finalNorm')
        .reduce((sum, { count }) => sum + count, 0),
  );
  await readCheckpoint(out, { parameters: new Uint8Array(after.buffer), firstMoments: moments });
  const before = new Float32Array(layout.count);
  await initializeParameters(layout, before, 0);
  for (const { name, layer, offset, count } of layout.entries) {
    const isSame = Buffer.from(before.slice(offset, offset + count).buffer).equals(
      Buffer.from(after.slice(offset, offset + count).buffer),
    );
    expect(isSame, `${name} of layer ${layer}`).toBe(layer < 2 && name !== 'finalNorm');
  }
  await expect(trainer({ resume: out, freeze: [0], steps: 8 })).rejects.toEqual(code('ERR_INVALID_ARGUMENT', /freeze/));
  await expect(trainer({ freeze: [3] })).rejects.toEqual(code('ERR_INVALID_ARGUMENT', /layers from 0 to 2/));
});

test('taps read activations and gradients of the last step', async () => {
  await using own = await trainer({ steps: 2, lossScale: 256 });
  const [attn, dq, dy] = [own.tap(1, 'attn'), own.tap(1, 'dq'), own.tap(2, 'attention.dy')];
  expect(attn.values()).toBeNull();
  for await (const _ of own.steps()) break;
  for (const tap of [attn, dq, dy]) {
    expect([tap.rows, tap.columns]).toEqual([32, 64]);
    expect(tap.values()!.every(Number.isFinite)).toBe(true);
    expect(tap.values()!.some((value) => value !== 0)).toBe(true);
  }
  await using scaled = await trainer({ steps: 1, lossScale: 1024 });
  const same = scaled.tap(1, 'dq');
  await scaled.train();
  const values = dq.values()!;
  const most = Math.max(...values.map(Math.abs));
  for (const [index, value] of same.values()!.entries())
    expect(Math.abs(value - values[index]!)).toBeLessThan(0.02 * most);
  expect(() => own.tap(1, 'xn')).toThrow(code('ERR_INVALID_ARGUMENT', /attention\.xn.*feedForward\.xn/));
  expect(() => own.tap(7, 'attn')).toThrow(code('ERR_INVALID_ARGUMENT', /from 0 to 2/));
});
