import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type FloatType,
  halfToNumber,
  MathArena,
  type Matrix,
  numberToHalf,
  randomNumbers,
  withThreads,
} from './math-arena.js';

const memory = new MathArena(64 << 20);
afterAll(() => memory.close());

const random = randomNumbers(23);
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

function multiply(product: Case, { a, b, c }: { a: Matrix; b: Matrix; c: Matrix }): void {
  const { types, ...options } = product;
  const [aType, bType, cType] = types;
  const places = { a: a.offset, aStride: a.stride, b: b.offset, bStride: b.stride, c: c.offset, cStride: c.stride };
  addon.math.gemm(memory.arena, { ...options, ...places, aType, bType, cType });
}

describe('any matrix product', () => {
  const cases = Array.from(
    { length: 80 },
    (_, index): Case => ({
      ...{ m: pick(), n: pick(), k: index % 8 === 0 ? 600 : pick(), aTransposed: pickFlag(), bTransposed: pickFlag() },
      ...{ types: [pickType(), pickType(), pickType()], alpha: index % 3 === 0 ? 0.5 : 1, beta: index % 2 },
    }),
  );

  test.each(cases)('$m × $k · $k × $n, $types, transposed $aTransposed $bTransposed, $alpha, $beta', (product) => {
    const { m, n, k, aTransposed, bTransposed, types, alpha, beta } = product;
    const matrices = operands(product);
    const { a, b, c } = matrices;
    const before = c.values();
    multiply(product, matrices);
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
          size * 2 ** -20 + (types[2] === 'fp16' ? Math.abs(halfToNumber(numberToHalf(sum))) * 2 ** -10 + 2 ** -24 : 0);
        expect(Math.abs(c.at(i, j) - sum)).toBeLessThanOrEqual(bound);
      }
    }
  });

  test('gives the same bits for any number of threads', () => {
    const product: Case = {
      ...{ m: 300, n: 200, k: 700, aTransposed: true, bTransposed: false },
      ...{ types: ['fp16', 'fp32', 'fp16'], alpha: 1, beta: 0 },
    };
    const matrices = operands(product);
    const digests = withThreads(() => {
      multiply(product, matrices);
      return matrices.c.digest();
    });
    expect(new Set(digests).size).toBe(1);
  });
});
