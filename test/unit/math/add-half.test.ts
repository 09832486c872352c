import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { MathArena, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(43);

describe.each([false, true])('addHalf, transposed: %s', (transpose) => {
  test.each([
    [1, 1, 0, true],
    [5, 33, 0, false],
    [17, 70, 1, true],
    [19, 1030, 2, false],
    [50, 70, 3, true],
  ])('of %i × %i elements, with %i addends, overwriting: %s', (rows, columns, count, overwrite) => {
    const from = memory.random('fp16', rows, columns, random, columns + 3);
    const [toRows, toColumns] = transpose ? [columns, rows] : [rows, columns];
    const stride = toColumns + 5;
    const addends = Array.from({ length: count }, () => memory.random('fp32', toRows, toColumns, random, stride));
    const to = memory.random('fp32', toRows, stride, random);
    const before = to.values();
    const expected = before.map((value, index) => {
      const [r, c] = [Math.floor(index / stride), index % stride];
      if (c >= toColumns) return value;
      const x = transpose ? from.at(c, r) : from.at(r, c);
      const sum = addends.reduce((total, each) => Math.fround(total + each.at(r, c)), x);
      return overwrite ? sum : Math.fround(value + sum);
    });
    const bits = to.bits();
    const run = () => {
      to.restore(bits);
      addon.math.addHalf(memory.arena, {
        ...{ from: from.offset, fromStride: columns + 3, to: to.offset, toStride: stride, rows, columns },
        ...{ transpose, overwrite, addends: addends.map(({ offset }) => offset) },
      });
      return to.values();
    };
    for (const got of withThreads(run)) expect(got).toEqual(expected);
  });
});

test('infinities stay what they are', () => {
  const from = memory.random('fp16', 1, 2, () => 1e6);
  const to = memory.random('fp32', 1, 2, random);
  const options = { from: from.offset, fromStride: 2, to: to.offset, toStride: 2, rows: 1, columns: 2 };
  addon.math.addHalf(memory.arena, options);
  expect([...to.values()]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test('addends outside the arena are refused', () => {
  const from = memory.random('fp16', 2, 2, random);
  const to = memory.random('fp32', 2, 2, random);
  const options = { from: from.offset, fromStride: 2, to: to.offset, toStride: 2, rows: 2, columns: 2 };
  expect(() => addon.math.addHalf(memory.arena, { ...options, addends: [2 ** 40] })).toThrow(
    "Expected a range within the arena's",
  );
});
