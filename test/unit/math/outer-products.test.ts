import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { type FloatType, MathArena, type Matrix, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena(256 << 20);
afterAll(() => memory.close());

const random = randomNumbers(11);

function product(a: Matrix, b: Matrix, c: Matrix) {
  const operands = { a: a.offset, aType: a.type, aStride: a.stride, b: b.offset, bType: b.type, bStride: b.stride };
  return { ...operands, c: c.offset, m: a.rows, n: b.rows, k: a.columns };
}

/** The largest error of c = before + a·bᵀ, in units of what fp32 sums of k terms may have. */
function excess(a: Matrix, b: Matrix, c: Matrix, before: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      let sum = before[i * b.rows + j] as number;
      let size = Math.abs(sum);
      for (let p = 0; p < a.columns; p++) {
        const term = a.at(i, p) * b.at(j, p);
        sum += term;
        size += Math.abs(term);
      }
      const error = Math.abs(c.at(i, j) - sum) / (size * 2 ** -20 + 1e-30);
      if (!(error <= largest)) largest = error;
    }
  }
  return largest;
}

const sizes = [1, 2, 5, 7, 12, 13, 16, 17, 31, 33, 64, 100];
const pick = () => sizes[Math.floor(((random() + 1) / 2) * sizes.length)] as number;
const pickType = (): FloatType => (random() < 0 ? 'fp16' : 'fp32');

describe('outer products', () => {
  test.each(
    Array.from({ length: 60 }, (_, i) => [pick(), pick(), i % 6 === 0 ? 600 : pick(), pickType(), pickType()] as const),
  )('%i × %i over %i columns of %s and %s', (m, n, k, aType, bType) => {
    const a = memory.random(aType, m, k, random, k + 3);
    const b = memory.random(bType, n, k, random, k + 1);
    const c = memory.random('fp32', m, n, random);
    const before = c.values();
    addon.math.outerProducts(memory.arena, [product(a, b, c)]);
    expect(excess(a, b, c, before)).toBeLessThan(1);
  });

  test('run in order, each adding to what the ones before left', () => {
    const a = memory.random('fp16', 20, 40, random);
    const b = memory.random('fp16', 30, 40, random);
    const c = memory.matrix('fp32', 20, 30);
    addon.math.outerProducts(memory.arena, [product(a, b, c), product(a, b, c)]);
    const twice = c.values();
    addon.math.outerProducts(memory.arena, []);
    expect(c.values()).toEqual(twice);
    expect(
      excess(
        a,
        b,
        c,
        twice.map((value) => value / 2),
      ),
    ).toBeLessThan(1);
  });

  test('an element does not depend on where in the matrix it is computed', () => {
    const a = memory.random('fp16', 60, 700, random);
    const b = memory.random('fp32', 70, 700, random);
    const whole = memory.matrix('fp32', 60, 70);
    addon.math.outerProducts(memory.arena, [product(a, b, whole)]);
    for (const [i, j] of [
      [0, 0],
      [11, 31],
      [12, 32],
      [59, 69],
      [37, 5],
    ] as const) {
      const one = memory.matrix('fp32', 1, 1);
      const options = { ...product(a, b, one), a: a.offset + i * 700 * 2, b: b.offset + j * 700 * 4, m: 1, n: 1 };
      addon.math.outerProducts(memory.arena, [options]);
      expect(one.at(0, 0)).toBe(whole.at(i, j));
    }
  });

  test('infinity and NaN come through', () => {
    const a = memory.random('fp16', 3, 8, random);
    a.set(1, 2, Number.POSITIVE_INFINITY);
    a.set(2, 3, Number.NaN);
    const b = memory.random('fp16', 2, 8, () => 1);
    const c = memory.matrix('fp32', 3, 2);
    addon.math.outerProducts(memory.arena, [product(a, b, c)]);
    expect([c.at(1, 0), c.at(2, 1)]).toEqual([Number.POSITIVE_INFINITY, Number.NaN]);
    expect(Number.isFinite(c.at(0, 0))).toBe(true);
  });
});

test('overwriting reads nothing of what was there', () => {
  const a = memory.random('fp16', 20, 300, random);
  const b = memory.random('fp16', 30, 300, random);
  const [added, written] = [memory.matrix('fp32', 20, 30), memory.matrix('fp32', 20, 30)];
  written.fill(() => Number.NaN);
  addon.math.outerProducts(memory.arena, [product(a, b, added), { ...product(a, b, written), overwrite: true }]);
  expect(written.values()).toEqual(added.values());
});

describe.each(['exact', 'fast'] as const)('a product %s that is added to other sums', (precision) => {
  test.each([
    [1, 1, 3, 1],
    [20, 30, 300, 2],
    [200, 600, 64, 1],
    [500, 520, 40, 3],
  ])(
    '%i × %i over %i columns, with %i of them, is what additions one by one give, on any number of threads',
    (m, n, k, count) => {
      const a = memory.random('fp16', m, k, random);
      const b = memory.random('fp16', n, k, random);
      const c = memory.random('fp32', m, n, random);
      const others = Array.from({ length: count }, () => memory.random('fp32', m, n, random));
      const options = { ...product(a, b, c), precision };
      const before = c.bits();
      const untouched = others.map((each) => each.digest());
      const addends = others.map(({ offset }) => offset);

      const made = memory.matrix('fp32', m, n);
      addon.math.outerProducts(memory.arena, [{ ...options, c: made.offset, overwrite: true }]);
      for (const { offset } of others) addon.math.add(memory.arena, [offset], made.offset, m * n);
      const written = made.digest();
      addon.math.add(memory.arena, [c.offset], made.offset, m * n);

      for (const [overwrite, expected] of [
        [false, made.digest()],
        [true, written],
      ] as const) {
        const digests = withThreads(() => {
          c.restore(before);
          // The second product, which reads the first, waits for it.
          const next = memory.matrix('fp32', m, n);
          const then = { ...options, c: next.offset, addends: [c.offset], overwrite: true };
          addon.math.outerProducts(memory.arena, [{ ...options, addends, overwrite }, then], 3);
          return [c.digest(), next.digest()];
        });
        expect(digests.map(([own]) => own)).toEqual([expected, expected, expected, expected]);
        expect(new Set(digests.map(([, next]) => next)).size).toBe(1);
        expect(others.map((each) => each.digest())).toEqual(untouched);
      }
    },
  );
});
