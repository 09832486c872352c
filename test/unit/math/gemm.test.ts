import { addon, type Precision } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { blasAbsent } from '../../fixtures/blas.js';
import {
  type FloatType,
  halfToNumber,
  MathArena,
  type Matrix,
  numberToHalf,
  randomNumbers,
  withThreads,
} from '../../fixtures/math-arena.js';

const memory = new MathArena(64 << 20);
afterAll(() => memory.close());

const random = randomNumbers(23);
const precisions = ['exact', 'fast'] as const;
const withBlas = blasAbsent === null ? (['exact', 'blas'] as const) : (['exact'] as const);
const sizes = [1, 3, 8, 12, 13, 16, 17, 32, 33, 70];
const pick = () => sizes[Math.floor(((random() + 1) / 2) * sizes.length)] as number;
const pickType = (): FloatType => (random() < 0 ? 'fp16' : 'fp32');
const pickFlag = () => random() < 0;

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly aTransposed: boolean;
  readonly bTransposed: boolean;
  readonly types: readonly [FloatType, FloatType, FloatType];
  readonly alpha: number;
  readonly beta: number;
}

type Place = Pick<Matrix, 'offset' | 'stride'>;

function operands({ m, n, k, aTransposed, bTransposed, types }: Case): { a: Matrix; b: Matrix; c: Matrix } {
  const stored = (type: FloatType, rows: number, columns: number, transposed: boolean) =>
    transposed
      ? memory.random(type, columns, rows, random, rows + 5)
      : memory.random(type, rows, columns, random, columns + 2);
  return {
    a: stored(types[0], m, k, aTransposed),
    b: stored(types[1], k, n, bTransposed),
    c: memory.random(types[2], m, n, random, n + 1),
  };
}

function multiply(product: Case, { a, b, c }: { a: Place; b: Place; c: Place }, precision: Precision = 'exact'): void {
  const { types, ...options } = product;
  const [aType, bType, cType] = types;
  const places = { a: a.offset, aStride: a.stride, b: b.offset, bStride: b.stride, c: c.offset, cStride: c.stride };
  addon.math.gemm(memory.arena, { ...options, ...places, aType, bType, cType, precision });
}

describe('any matrix product', () => {
  const cases = Array.from(
    { length: 80 },
    (_, index): Case => ({
      ...{ m: pick(), n: pick(), k: index % 8 === 0 ? 600 : pick(), aTransposed: pickFlag(), bTransposed: pickFlag() },
      ...{ types: [pickType(), pickType(), pickType()], alpha: index % 3 === 0 ? 0.5 : 1, beta: index % 2 },
    }),
  );

  const asExact = cases.flatMap((product) => withBlas.map((precision) => ({ product, ...product, precision })));
  test.each(asExact)(
    '$precision $m × $k · $k × $n, $types, transposed $aTransposed $bTransposed, $alpha, $beta',
    ({ product, precision }) => {
      const { m, n, k, aTransposed, bTransposed, types, alpha, beta } = product;
      const matrices = operands(product);
      const { a, b, c } = matrices;
      const before = c.values();
      multiply(product, matrices, precision);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = beta * (before[i * n + j] as number);
          let size = Math.abs(sum);
          for (let p = 0; p < k; p++) {
            const term = alpha * (aTransposed ? a.at(p, i) : a.at(i, p)) * (bTransposed ? b.at(j, p) : b.at(p, j));
            sum += term;
            size += Math.abs(term);
          }
          const bound =
            size * 2 ** -20 +
            (types[2] === 'fp16' ? Math.abs(halfToNumber(numberToHalf(sum))) * 2 ** -10 + 2 ** -24 : 0);
          expect(Math.abs(c.at(i, j) - sum)).toBeLessThanOrEqual(bound);
        }
      }
    },
  );

  test.each(precisions)('gives the same bits for any number of threads, %s', (precision) => {
    const product: Case = {
      ...{ m: 300, n: 200, k: 1400, aTransposed: true, bTransposed: false },
      ...{ types: ['fp16', 'fp32', 'fp16'], alpha: 1, beta: 0 },
    };
    const matrices = operands(product);
    const digests = withThreads(() => {
      multiply(product, matrices, precision);
      return matrices.c.digest();
    });
    expect(new Set(digests).size).toBe(1);
  });

  test.each(precisions)('an element does not depend on where in the matrix it is computed, %s', (precision) => {
    const product: Case = {
      ...{ m: 70, n: 90, k: 700, aTransposed: false, bTransposed: true },
      ...{ types: ['fp16', 'fp16', 'fp32'], alpha: 1, beta: 0 },
    };
    const { a, b, c } = operands(product);
    multiply(product, { a, b, c }, precision);
    for (const [i, j] of [
      [0, 0],
      [16, 15],
      [31, 32],
      [69, 89],
    ] as const) {
      const one = memory.matrix('fp32', 1, 1);
      const row = (matrix: Matrix, index: number): Place => ({
        offset: matrix.offset + index * matrix.stride * 2,
        stride: matrix.stride,
      });
      const parts = { a: row(a, i), b: row(b, j), c: one };
      multiply({ ...product, m: 1, n: 1 }, parts, precision);
      expect(one.at(0, 0)).toBe(c.at(i, j));
    }
  });

  test.each(['fp16', 'fp32'] as const)('infinity and NaN come through in %s, and nowhere else', (type) => {
    const product: Case = {
      ...{ m: 40, n: 50, k: 600, aTransposed: false, bTransposed: false },
      ...{ types: [type, type, 'fp32'], alpha: 1, beta: 0 },
    };
    const { a, b, c } = operands(product);
    b.fill(() => 1);
    multiply(product, { a, b, c });
    const finite = c.values();
    a.set(1, 2, Number.POSITIVE_INFINITY);
    a.set(2, 599, Number.NEGATIVE_INFINITY);
    a.set(3, 4, Number.POSITIVE_INFINITY);
    a.set(3, 590, Number.NEGATIVE_INFINITY);
    a.set(33, 5, Number.NaN);
    multiply(product, { a, b, c });
    const special = new Map([
      [1, Number.POSITIVE_INFINITY],
      [2, Number.NEGATIVE_INFINITY],
      [3, Number.NaN],
      [33, Number.NaN],
    ]);
    for (let i = 0; i < 40; i++)
      for (let j = 0; j < 50; j++) expect(c.at(i, j)).toBe(special.get(i) ?? finite[i * 50 + j]);
  });
});

/** Root of the mean of squared errors over that of the results, against float64. */
function relativeError(type: FloatType, k: number, precision: Precision): number {
  const product: Case = {
    ...{ m: 48, n: 64, k, aTransposed: false, bTransposed: false },
    ...{ types: [type, type, 'fp32'], alpha: 1, beta: 0 },
  };
  const { a, b, c } = operands(product);
  multiply(product, { a, b, c }, precision);
  const left = a.values();
  const right = b.values();
  let squares = 0;
  let errors = 0;
  for (let i = 0; i < product.m; i++) {
    for (let j = 0; j < product.n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += (left[i * k + p] as number) * (right[p * product.n + j] as number);
      squares += sum ** 2;
      errors += (c.at(i, j) - sum) ** 2;
    }
  }
  return Math.sqrt(errors / squares);
}

describe('precision', () => {
  // A chain of multiply-adds in fp32 was measured to have 1.4e-7, 5.0e-7 and 8.2e-7.
  test.each([
    [64, 1.7e-7],
    [768, 6e-7],
    [2048, 1e-6],
  ])('exact is as good as fp32 at a depth of %i', (k, bound) => {
    for (const type of ['fp16', 'fp32'] as const) expect(relativeError(type, k, 'exact')).toBeLessThan(bound);
  });

  test('fast has the errors of bf16 operands, or is exact', () => {
    const fast = addon.fastMatmul();
    for (const type of ['fp16', 'fp32'] as const) {
      const error = relativeError(type, 768, 'fast');
      const rounded = fast !== 'exact' && !(fast === 'amx-fp16' && type === 'fp16');
      expect(error).toBeLessThan(rounded ? 3e-3 : 6e-7);
      if (rounded) expect(error).toBeGreaterThan(1e-3);
    }
  });
});
