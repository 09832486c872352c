import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type FloatType,
  halfToNumber,
  largestError,
  MathArena,
  type Matrix,
  numberToHalf,
  randomNumbers,
  withThreads,
} from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(17);
const eps = 1e-5;
const half = (value: number) => halfToNumber(numberToHalf(value));

/** Σ over d of f(d). */
function sum(count: number, f: (d: number) => number): number {
  let total = 0;
  for (let d = 0; d < count; d++) total += f(d);
  return total;
}

const shapes = [
  [1, 1],
  [5, 3],
  [16, 16],
  [33, 65],
  [64, 130],
  [100, 17],
] as const;

describe.each(shapes)('RMSNorm of %i rows and %i columns', (dim, columns) => {
  test.each(['fp16', 'fp32'] as const)('adds the residual and normalizes into %s', (outType) => {
    const x = memory.random('fp32', dim, columns, random);
    const addend = memory.random('fp16', dim, columns, random, columns + 3);
    const weight = memory.random('fp32', 1, dim, random);
    const out = memory.random(outType, dim, columns, () => 9, columns + 2);
    const expectedSum = x
      .values()
      .map((value, i) => Math.fround(value + addend.at(Math.floor(i / columns), i % columns)));
    const expectedOut = expectedSum.map((value, i) => {
      const mean = sum(dim, (d) => (expectedSum[d * columns + (i % columns)] as number) ** 2) / dim;
      return (value / Math.sqrt(mean + eps)) * weight.at(0, Math.floor(i / columns));
    });
    addon.math.residualNorm(memory.arena, {
      ...{ x: x.offset, addend: addend.offset, addendStride: addend.stride, sum: x.offset, weight: weight.offset },
      ...{ out: out.offset, outType, outStride: out.stride, eps, dim, columns },
    });
    expect(x.values()).toEqual(expectedSum);
    expect(largestError(out.values(), outType === 'fp16' ? expectedOut.map(half) : expectedOut)).toBeLessThan(
      outType === 'fp16' ? 1e-3 : 2e-6,
    );
    if (dim > 1) expect(out.at(0, columns + 1)).toBe(9);
  });

  test.each([
    ['fp16', 'fp16'],
    ['fp16', 'fp32'],
    ['fp32', 'fp16'],
    ['fp32', 'fp32'],
  ] as const)('has the gradient of x in %s, dOut in %s', (xType, dOutType) => {
    const { x, weight, dOut, dx, dWeight, out, run } = backwardCase(dim, columns, xType, dOutType);
    const dxBefore = dx.values();
    const dWeightBefore = dWeight.values();
    run();
    const expectedDx = new Float64Array(dim * columns);
    const expectedDWeight = Float64Array.from(dWeightBefore);
    for (let n = 0; n < columns; n++) {
      const r = 1 / Math.sqrt(sum(dim, (d) => x.at(d, n) ** 2) / dim + eps);
      const mean = sum(dim, (d) => weight.at(0, d) * dOut.at(d, n) * x.at(d, n)) / dim;
      for (let d = 0; d < dim; d++) {
        const g = weight.at(0, d) * dOut.at(d, n);
        expectedDx[d * columns + n] = (dxBefore[d * columns + n] as number) + r * (g - x.at(d, n) * r * r * mean);
        expectedDWeight[d] = (expectedDWeight[d] as number) + dOut.at(d, n) * x.at(d, n) * r;
      }
    }
    expect(largestError(dx.values(), expectedDx)).toBeLessThan(3e-6);
    expect(largestError(dWeight.values(), expectedDWeight)).toBeLessThan(1e-5);
    expect(out.values()).toEqual(dx.values().map(half));
  });
});

function backwardCase(dim: number, columns: number, xType: FloatType, dOutType: FloatType) {
  const x = memory.random(xType, dim, columns, random, columns + 1);
  const weight = memory.random('fp32', 1, dim, random);
  const dOut = memory.random(dOutType, dim, columns, random, columns + 4);
  const dx = memory.random('fp32', dim, columns, random);
  const dWeight = memory.random('fp32', 1, dim, random);
  const out = memory.matrix('fp16', dim, columns, columns + 2);
  const run = (overwrite = false) =>
    addon.math.normBackward(memory.arena, {
      overwrite,
      ...{
        x: x.offset,
        xType,
        xStride: x.stride,
        weight: weight.offset,
        dOut: dOut.offset,
        dOutType,
        dOutStride: dOut.stride,
      },
      ...{ dx: dx.offset, dWeight: dWeight.offset, out: out.offset, outStride: out.stride, eps, dim, columns },
    });
  return { x, weight, dOut, dx, dWeight, out, run };
}

test('the gradient agrees with finite differences', () => {
  const [dim, columns] = [12, 5];
  const { x, weight, dOut, dx, dWeight, run } = backwardCase(dim, columns, 'fp32', 'fp32');
  dx.fill(() => 0);
  dWeight.fill(() => 0);
  run();
  const dense = memory.matrix('fp32', dim, columns);
  const normed = memory.matrix('fp32', dim, columns);
  const objective = () => {
    for (let d = 0; d < dim; d++) for (let n = 0; n < columns; n++) dense.set(d, n, x.at(d, n));
    addon.math.residualNorm(memory.arena, {
      ...{
        x: dense.offset,
        weight: weight.offset,
        out: normed.offset,
        outType: 'fp32',
        outStride: columns,
        eps,
        dim,
        columns,
      },
    });
    return sum(dim, (d) => sum(columns, (n) => normed.at(d, n) * dOut.at(d, n)));
  };
  const slope = (matrix: Matrix, row: number, column: number) => {
    const middle = matrix.at(row, column);
    matrix.set(row, column, middle + 0.01);
    const above = objective();
    const high = matrix.at(row, column);
    matrix.set(row, column, middle - 0.01);
    const below = objective();
    const width = high - matrix.at(row, column);
    matrix.set(row, column, middle);
    return (above - below) / width;
  };
  for (let d = 0; d < dim; d++) {
    expect(Math.abs(slope(weight, 0, d) - dWeight.at(0, d))).toBeLessThan(1e-3);
    expect(Math.abs(slope(x, d, d % columns) - dx.at(d, d % columns))).toBeLessThan(2e-3);
  }
});

test('no result depends on the number of threads', () => {
  const { dx, dWeight, out, run } = backwardCase(70, 400, 'fp16', 'fp16');
  const [dxBefore, dWeightBefore] = [dx.bits(), dWeight.bits()];
  const [one, ...others] = withThreads(() => {
    dx.restore(dxBefore);
    dWeight.restore(dWeightBefore);
    run();
    return [dx.digest(), dWeight.digest(), out.digest()];
  });
  for (const other of others) expect(other).toEqual(one);
});

test('a sum alone needs no output', () => {
  const x = memory.random('fp32', 4, 6, random);
  const addend = memory.random('fp16', 4, 6, random);
  const weight = memory.random('fp32', 1, 4, random);
  const total = memory.matrix('fp32', 4, 6);
  addon.math.residualNorm(memory.arena, {
    ...{
      x: x.offset,
      addend: addend.offset,
      addendStride: 6,
      sum: total.offset,
      weight: weight.offset,
      eps,
      dim: 4,
      columns: 6,
    },
  });
  expect(total.values()).toEqual(
    x.values().map((value, i) => Math.fround(value + addend.at(Math.floor(i / 6), i % 6))),
  );
});

test('overwriting the gradient of the weight reads nothing of what was there', () => {
  const { dWeight, run } = backwardCase(70, 130, 'fp16', 'fp16');
  dWeight.fill(() => 0);
  run();
  const expected = dWeight.digest();
  dWeight.fill(() => Number.NaN);
  run(true);
  expect(dWeight.digest()).toBe(expected);
});
