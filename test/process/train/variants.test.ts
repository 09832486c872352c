import { createPool, type Pool } from '@mayfly/core';
import { checkLayer, decoderLayer, decoderLayerOf, type LayerDefinition, type Variant } from '@mayfly/core/layers';
import { type ProgramForm, type ProgramShape, runLayer } from '@mayfly/core/testing';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { qkNormLayer } from '../../fixtures/own-layers.js';

/** Of the largest magnitude in a tensor: programs that end elsewhere round elsewhere. */
const TOLERANCE = 8e-3;

const shapes: Record<string, ProgramShape> = {
  'one window': {
    ...{ dim: 32, hidden: 48, heads: 4, kvHeads: 4, headDim: 8, eps: 1e-5, ropeBase: 10_000, batch: 1, sequence: 9 },
    ropePairing: 'half',
  },
  'three windows, odd sizes, grouped queries': {
    ...{ dim: 27, hidden: 43, heads: 6, kvHeads: 2, headDim: 6, eps: 1e-5, ropeBase: 500, batch: 3, sequence: 7 },
    ropePairing: 'interleaved',
  },
  'a sliding window and scaled RoPE': {
    ...{ dim: 24, hidden: 29, heads: 3, kvHeads: 1, headDim: 10, eps: 1e-5, ropeBase: 500, batch: 2, sequence: 9 },
    ...{ ropePairing: 'half', slidingWindow: 4 },
    ropeScaling: {
      ...{ type: 'yarn', factor: 2, originalSequence: 4, betaFast: 2, betaSlow: 0.2, truncate: false },
      attentionFactor: 1.1,
    },
  },
};

const [attention, feedForward] = decoderLayer.blocks.map(({ variants = [] }) => variants.map(({ name }) => name));
const variants: ProgramForm[] = attention!.map((name, index) => ({
  variants: { attention: name, feedForward: feedForward![index % feedForward!.length]! },
}));
const axes: ProgramForm[] = [
  { silu: 'exp' },
  { rope: 'reshape' },
  { rope: 'permutation' },
  { split: 2 },
  { split: 4 },
  { silu: 'exp', rope: 'reshape', split: 2, variants: { attention: 'sdpaBwd', feedForward: 'ffnBwd' } },
  { silu: 'exp', rope: 'permutation', split: 4, variants: { attention: 'small', feedForward: 'small' } },
];

const biasedLayer = decoderLayerOf({ attentionBias: true, outputBias: true, mlpBias: true, qkNorm: true });

let pool: Pool;
beforeAll(async () => {
  pool = await createPool({ device: 'cpu', workers: 1, standby: 0, arenaBytes: 2 ** 26 });
});
afterAll(() => pool.close());

describe.each(Object.entries(shapes))('%s', (_, shape) => {
  describe.each([decoderLayer, qkNormLayer, { ...biasedLayer, name: 'biases and q/k-norm' }])('$name', (definition) => {
    test.each(['dynamic', 'static'] as const)(
      'every variant and axis gives the output and gradients of fused programs, %s weights',
      async (weights) => {
        const run = await layerRun(definition, shape, weights);
        const fused = await run({});
        for (const form of [...variants, ...axes]) {
          for (const [name, values] of Object.entries(await run(form))) {
            expect.soft(distance(values, fused[name]!), `${name} of ${JSON.stringify(form)}`).toBeLessThan(TOLERANCE);
          }
        }
      },
    );
  });
});

test.each([
  { variants: { attention: 'sdpaBwd', feedForward: 'ffnBwd' }, silu: 'exp', rope: 'reshape', split: 2 },
  { variants: { attention: 'small', feedForward: 'small' }, silu: 'exp', rope: 'permutation', split: 4 },
  { variants: { attention: 'single', feedForward: 'single' } },
] as const)('gradients are those of finite differences: $variants.attention', async (form) => {
  const { error } = await checkLayer(qkNormLayer, { form });
  expect(error).toBeLessThan(0.01);
});

test('programs that share operations make each gradient once: of the output, of vectors and of values between them, too', async () => {
  const shared: Variant = {
    name: 'shared',
    source: 'test',
    forward: [{ name: 'forward' }],
    backward: [
      { name: 'v', from: 'attn', toward: ['v'] },
      { name: 'others', from: 'attn' },
      { name: 'q', from: 'k', toward: ['qRotated'] },
      { name: 'k', from: 'k' },
      { name: 'x' },
    ],
  };
  const [own] = qkNormLayer.blocks;
  const layer = { ...qkNormLayer, blocks: [{ ...own!, variants: [shared] }, qkNormLayer.blocks[1]!] };
  const { error } = await checkLayer(layer);
  expect(error).toBeLessThan(0.01);
});

test('SiLU by exp is right where exp(−x) is infinite in fp16', async () => {
  const shape = shapes['one window']!;
  // Inputs of the gate up to about ±40: exp is infinite from −11.1 down.
  const run = await layerRun(decoderLayer, shape, 'dynamic', 40);
  const [bySigmoid, byExp] = [await run({}), await run({ silu: 'exp' })];
  for (const [name, values] of Object.entries(byExp)) {
    expect.soft(values.every(Number.isFinite), name).toBe(true);
    expect.soft(distance(values, bySigmoid[name]!), name).toBeLessThan(TOLERANCE);
  }
});

/** Runs one layer with random parameters in any form. */
async function layerRun(
  definition: LayerDefinition,
  shape: ProgramShape,
  weights: 'dynamic' | 'static',
  gateSize = 1,
): Promise<(form: ProgramForm) => Promise<Record<string, Float32Array>>> {
  const random = xoroshiro128plus(11);
  const uniform = () => (random.next() >>> 0) / 2 ** 32 - 0.5;
  const sample = (count: number, of: () => number) => Float32Array.from({ length: count }, of);
  const elements = shape.dim * shape.batch * shape.sequence;
  const inputs: Record<string, Float32Array> = { x: sample(elements, () => 4 * uniform()) };
  for (const [name, { shape: size }] of Object.entries(definition.parameters(shape))) {
    const [rows, columns] = size;
    const scale = name === 'w1' ? gateSize : 1;
    inputs[name] =
      columns === undefined
        ? sample(rows, () => 1 + uniform())
        : sample(rows * columns, () => (3 * scale * uniform()) / Math.sqrt(columns));
  }
  const dy = sample(elements, () => 2 * uniform());
  return (form) => runLayer(pool, { definition, weights }, { shape, form, inputs, dy });
}

function distance(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  const largest = Math.max(...b.map(Math.abs));
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index]!)), 0) / largest;
}
