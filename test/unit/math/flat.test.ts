import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { MathArena, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(41);

describe('sum of squares', () => {
  test.each([0, 1, 17, 65_536, 65_537, 300_001])(
    'of %i elements is that of double precision, on any number of threads',
    (count) => {
      const x = memory.random('fp32', 1, Math.max(count, 1), () => 1e4 * random());
      const expected = x
        .values()
        .slice(0, count)
        .reduce((sum, value) => sum + value * value, 0);
      const sums = withThreads(() => addon.math.sumOfSquares(memory.arena, x.offset, count));
      expect(Math.abs((sums[0] as number) - expected)).toBeLessThanOrEqual(1e-12 * expected);
      expect(new Set(sums).size).toBe(1);
    },
  );

  test('squares that fp32 could not hold are counted', () => {
    const x = memory.random('fp32', 1, 33, () => 2e38);
    expect(addon.math.sumOfSquares(memory.arena, x.offset, 33) / (33 * Math.fround(2e38) ** 2)).toBeCloseTo(1, 12);
  });

  test.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])('%d shows', (value) => {
    const x = memory.random('fp32', 1, 100, random);
    x.set(0, 98, value);
    expect(Number.isFinite(addon.math.sumOfSquares(memory.arena, x.offset, 100))).toBe(false);
  });
});

test.each([0, 1, 15, 33, 70_001])('add adds %i elements to those that are there, and touches no other', (count) => {
  const from = memory.random('fp32', 1, count + 1, random);
  const to = memory.random('fp32', 1, count + 1, random);
  const [added, before] = [from.values(), to.values()];
  addon.math.add(memory.arena, [from.offset], to.offset, count);
  const expected = before.map((value, i) => (i < count ? Math.fround(value + added[i]!) : value));
  expect(to.values()).toEqual(expected);
});

test.each([1, 4096, 70_001])(
  'add of several adds %i elements of each to those before, one after the other',
  (count) => {
    const from = [0, 1, 2].map(() => memory.random('fp32', 1, count, random));
    const to = memory.random('fp32', 1, count + 1, random);
    const [first, second, third] = from.map((each) => each.values()) as [Float64Array, Float64Array, Float64Array];
    const expected = to.values().map((value, i) => {
      const sum = Math.fround(third[i]! + Math.fround(second[i]! + first[i]!));
      return i < count ? Math.fround(value + sum) : value;
    });
    addon.math.add(
      memory.arena,
      from.map(({ offset }) => offset),
      to.offset,
      count,
    );
    expect(to.values()).toEqual(expected);
  },
);

test('zero sets what it was given and no byte more', () => {
  const x = memory.random('fp32', 1, 200_000, () => 1);
  addon.math.zero(memory.arena, x.offset + 4, 4 * 199_998);
  expect([x.at(0, 0), x.at(0, 199_999)]).toEqual([1, 1]);
  expect(addon.math.sumOfSquares(memory.arena, x.offset, 200_000)).toBe(2);
});

test('rows are copied between strides', () => {
  const from = memory.random('fp32', 9, 5, random, 8);
  const to = memory.random('fp32', 9, 5, () => 7, 6);
  addon.math.copyRows(memory.arena, {
    from: from.offset,
    fromStride: 32,
    to: to.offset,
    toStride: 24,
    rows: 9,
    rowBytes: 20,
  });
  expect(to.values()).toEqual(from.values());
  expect(to.at(0, 5)).toBe(7);
});
