import {
  type DynamicLayerProgram,
  dynamicPrograms,
  type MilOptions,
  type ProgramShape,
  type StaticLayerProgram,
  staticPrograms,
  type WeightUse,
} from '@mayfly/core/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { DecoderLayer, type LayerWeights } from '../fixtures/decoder-layer.js';
import { InProcessDevice } from '../fixtures/in-process-kernel.js';
import type { Matrix } from '../fixtures/matrix.js';
import { RandomMatrices, roundedToHalf } from '../fixtures/random-layer.js';
import { onDevice } from './on-device.js';

/** Of the largest magnitude: a few roundings to fp16 (2^-11 each) along the way. */
const TOLERANCE = 3e-3;

const plain: ProgramShape = {
  dim: 64,
  hidden: 160,
  heads: 4,
  kvHeads: 4,
  headDim: 16,
  eps: 1e-5,
  ropeBase: 10_000,
  ropePairing: 'interleaved',
  batch: 1,
  sequence: 32,
};

const shapes: Record<string, ProgramShape> = {
  'multi-head': plain,
  'half pairing': { ...plain, ropePairing: 'half' },
  'two query heads per key head': { ...plain, kvHeads: 2 },
  'four query heads per key head': { ...plain, heads: 8, kvHeads: 2, headDim: 8 },
  'queries wider than the model': { ...plain, dim: 48, heads: 6, kvHeads: 3 },
  'queries narrower than the model': { ...plain, dim: 96, kvHeads: 2 },
  'three windows': { ...plain, batch: 3, sequence: 16 },
  'three windows, grouped, half pairing': { ...plain, kvHeads: 2, batch: 3, sequence: 16, ropePairing: 'half' },
  'odd sizes': { ...plain, dim: 72, hidden: 172, heads: 9, kvHeads: 3, headDim: 8, batch: 3, sequence: 7 },
  'windows of several blocks of queries': { ...plain, kvHeads: 2, batch: 2, sequence: 150 },
  'hidden narrower than the model': { ...plain, hidden: 40 },
};

const options: Record<string, MilOptions> = {
  ios18: {},
  'ios16, a file per weight': { dialect: 'ios16', weightFiles: 'per-tensor' },
};

/** Inputs, results and gradients of both halves of a layer, computed in double precision. */
function layerCase(shape: ProgramShape) {
  const random = new RandomMatrices(7);
  const columns = shape.batch * shape.sequence;
  const layer = new DecoderLayer(shape, random.layer(shape));
  const x = random.normal(shape.dim, columns, 1.5);
  const dy = random.normal(shape.dim, columns);
  const halves = {
    attention: { norm: layer.weights.attentionNorm, forward: (xn: Matrix) => layer.attention(xn) },
    feedForward: { norm: layer.weights.feedForwardNorm, forward: (xn: Matrix) => layer.feedForward(xn) },
  };
  const rounded = <Name extends string>(values: Record<Name, Matrix>) =>
    Object.fromEntries(Object.entries<Matrix>(values).map(([name, value]) => [name, roundedToHalf(value)])) as Record<
      Name,
      Matrix
    >;
  const attentionInputs = { dy, ...rounded(layer.attention(layer.norm(x, halves.attention.norm))) };
  const feedForwardInputs = { dy, ...rounded(layer.feedForward(layer.norm(x, halves.feedForward.norm))) };
  return { layer, x, halves, attentionInputs, feedForwardInputs };
}

const stored = (weights: LayerWeights, { parameter, transposed }: WeightUse): Matrix =>
  transposed ? weights[parameter as keyof LayerWeights].transposed : weights[parameter as keyof LayerWeights];

function expectClose(actual: Record<string, Matrix>, expected: Record<string, Matrix>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  const distances = Object.entries(actual).map(([name, matrix]) => [name, matrix.distance(expected[name]!)] as const);
  expect(distances.filter(([, distance]) => !(distance < TOLERANCE))).toEqual([]);
}

const only = (inputs: Record<string, Matrix>, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, inputs[name]!]));

onDevice((deviceName) => {
  const device = new InProcessDevice(deviceName);
  afterAll(() => device.close());

  describe.each(Object.entries(options))('in %s', (_, milOptions) => {
    describe.each(Object.entries(shapes))('%s', (_, shape) => {
      const { layer, x, halves, attentionInputs, feedForwardInputs } = layerCase(shape);

      test('static weights', () => {
        const kernels = staticPrograms(shape, milOptions);
        const run = (kernel: StaticLayerProgram, inputs: Record<string, Matrix>) => {
          const weights = kernel.weights.map((weight) => {
            expect(kernel.program.weightFiles[weight.file]!.records.map(({ name }) => name)).toContain(weight.record);
            return [weight.record, Float32Array.from(stored(layer.weights, weight).values)] as const;
          });
          return device.run(kernel, inputs, new Map(weights));
        };
        for (const [half, kernel] of [
          [halves.attention, kernels.attentionForward],
          [halves.feedForward, kernels.feedForwardForward],
        ] as const) {
          const xn = layer.norm(x, half.norm);
          const { y, ...taps } = half.forward(xn);
          expectClose(run(kernel, { x }), { sum: x.plus(y), xn, ...taps });
          expect(kernel.output.slots.sum).toMatchObject({ row: 0, column: 0 });
        }
        const attention = run(kernels.attentionBackward, only(attentionInputs, ['dy', 'qRotated', 'kRotated', 'v']));
        expectClose(attention, layer.attentionBackward(attentionInputs));
        const feedForward = run(kernels.feedForwardBackward, only(feedForwardInputs, ['dy', 'h1', 'h3']));
        expectClose(feedForward, layer.feedForwardBackward(feedForwardInputs));
      });

      test('dynamic weights', () => {
        const kernels = dynamicPrograms(shape, milOptions);
        const run = (kernel: DynamicLayerProgram, inputs: Record<string, Matrix>) => {
          const weights = kernel.weights.map((weight) => [weight.parameter, stored(layer.weights, weight)]);
          return device.run(kernel, { ...inputs, ...Object.fromEntries(weights) });
        };
        for (const [half, kernel] of [
          [halves.attention, kernels.attentionForward],
          [halves.feedForward, kernels.feedForwardForward],
        ] as const) {
          const xn = roundedToHalf(layer.norm(x, half.norm));
          expectClose(run(kernel, { xn }), half.forward(xn));
        }
        const attention = run(kernels.attentionBackward, only(attentionInputs, ['dy', 'qRotated', 'kRotated', 'v']));
        expectClose(attention, layer.attentionBackward(attentionInputs));
        const feedForward = run(kernels.feedForwardBackward, only(feedForwardInputs, ['dy', 'h1', 'h3']));
        expectClose(feedForward, layer.feedForwardBackward(feedForwardInputs));
      });
    });
  });
});

test('both programs of a half share one packed surface without overlaps', () => {
  for (const shape of Object.values(shapes)) {
    const kernels = dynamicPrograms(shape);
    expect(kernels.attentionBackward.input).toEqual(kernels.attentionForward.input);
    expect(kernels.feedForwardBackward.input).toEqual(kernels.feedForwardForward.input);
    for (const { input } of [kernels.attentionForward, kernels.feedForwardForward]) {
      const cells = new Set<number>();
      let count = 0;
      for (const { row, column, rows, columns } of Object.values(input.slots)) {
        expect([row + rows <= input.channels, column + columns <= input.width]).toEqual([true, true]);
        for (let r = row; r < row + rows; r++)
          for (let c = column; c < column + columns; c++) cells.add(r * input.width + c);
        count += rows * columns;
      }
      expect(cells.size).toBe(count);
    }
  }
});

test('the tolerance distinguishes errors from rounding', () => {
  const shape = shapes['three windows, grouped, half pairing']!;
  const { layer, attentionInputs } = layerCase(shape);
  const right = layer.attentionBackward(attentionInputs);
  const byRemainder = new DecoderLayer(shape, layer.weights, (head) => head % shape.kvHeads);
  const interleaved = new DecoderLayer({ ...shape, ropePairing: 'interleaved' }, layer.weights);
  const oneWindow = new DecoderLayer({ ...shape, batch: 1, sequence: 48 }, layer.weights);
  for (const wrong of [byRemainder, interleaved, oneWindow]) {
    expect(wrong.attentionBackward(attentionInputs).dxn.distance(right.dxn)).toBeGreaterThan(30 * TOLERANCE);
  }
});
