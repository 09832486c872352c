import type { ProgramShape } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { DecoderLayer } from '../../fixtures/decoder-layer.js';
import type { Matrix } from '../../fixtures/matrix.js';
import { RandomMatrices } from '../../fixtures/random-layer.js';

const shape: ProgramShape = {
  dim: 6,
  hidden: 7,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  eps: 1e-5,
  ropeBase: 100,
  ropePairing: 'half',
  batch: 2,
  sequence: 3,
};
const random = new RandomMatrices(1);
const layer = new DecoderLayer(shape, random.layer(shape));
const xn = random.normal(shape.dim, shape.batch * shape.sequence);
const dy = random.normal(shape.dim, xn.columns);

/** d/dx Σ dy ∘ f(x) by central differences. */
const numericGradient = (f: (x: Matrix) => Matrix, x: Matrix): Matrix =>
  x.map((_, index) => {
    const step = 1e-5;
    const at = (shift: number) => {
      const moved = f(x.map((value, other) => (other === index ? value + shift : value)));
      return moved.values.reduce((sum, value, other) => sum + value * dy.values[other]!, 0);
    };
    return (at(step) - at(-step)) / (2 * step);
  });

test.each(['half', 'interleaved'] as const)(
  'attention has the gradient that finite differences give (%s)',
  (ropePairing) => {
    const each = new DecoderLayer({ ...shape, ropePairing }, layer.weights);
    const { dxn } = each.attentionBackward({ dy, ...each.attention(xn) });
    expect(dxn.distance(numericGradient((x) => each.attention(x).y, xn))).toBeLessThan(1e-8);
  },
);

test('gradients of the projections are those of weights', () => {
  const { dq, dk, dv } = layer.attentionBackward({ dy, ...layer.attention(xn) });
  for (const [name, gradient] of Object.entries({ wq: dq, wk: dk, wv: dv })) {
    const withWeight = (weight: Matrix) =>
      new DecoderLayer(shape, { ...layer.weights, [name]: weight }).attention(xn).y;
    const numeric = numericGradient(withWeight, layer.weights[name as 'wq']);
    expect(gradient.times(xn.transposed).distance(numeric)).toBeLessThan(1e-8);
  }
});

test('the feed-forward half has the gradient that finite differences give', () => {
  const { dxn } = layer.feedForwardBackward({ dy, ...layer.feedForward(xn) });
  expect(dxn.distance(numericGradient((x) => layer.feedForward(x).y, xn))).toBeLessThan(1e-8);
});
