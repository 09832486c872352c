import { expect, test } from 'vitest';
import { rowsIn, smooth, thin } from '../../../packages/page/src/series.js';

const x = Float64Array.from({ length: 10_000 }, (_, row) => row + 1);
const y = Float64Array.from(x, (value) => Math.sin(value / 50) + (value === 7777 ? 50 : 0));

test('a thinned curve has at most two points a column, in order, and keeps every extreme', () => {
  const [xs, ys] = thin(x, y, { from: 0, to: x.length }, 300);
  expect(xs.length).toBeLessThanOrEqual(600);
  expect(xs.every((value, index) => index === 0 || value > xs[index - 1]!)).toBe(true);
  const values = ys.map(Number);
  expect(Math.max(...values)).toBe(y[7776]);
  expect(Math.min(...values)).toBe(Math.min(...y));
});

test('a short curve is drawn as it is, with a gap where it is no number', () => {
  const holes = Float64Array.of(1, Number.NaN, 3);
  expect(thin(Float64Array.of(10, 20, 30), holes, { from: 0, to: 3 }, 100)).toEqual([
    [10, 20, 30],
    [1, null, 3],
  ]);
});

test('a thinned curve has a gap where a whole column has no number', () => {
  const long = y.map((value, row) => (row % 2 === 0 || (row >= 5000 && row < 6000) ? Number.NaN : value));
  const [xs, ys] = thin(x, long, { from: 0, to: x.length }, 100);
  const gaps = xs.filter((_, index) => ys[index] === null);
  expect(gaps.length).toBeGreaterThan(5);
  expect(gaps.every((value) => value > 4800 && value <= 6001)).toBe(true);
  expect(ys.some(Number.isNaN)).toBe(false);
});

test('the rows of a range reach one beyond its edges', () => {
  expect(rowsIn(x, 10, 20)).toEqual({ from: 8, to: 20 });
  expect(rowsIn(x, -5, 1e9)).toEqual({ from: 0, to: 10_000 });
  expect(rowsIn(new Float64Array(), 0, 1)).toEqual({ from: 0, to: 0 });
});

test('smoothing keeps a constant, and leaves holes', () => {
  expect([...smooth(Float64Array.of(4, 4, Number.NaN, 4), 0.9)]).toEqual([4, 4, Number.NaN, 4]);
  expect([...smooth(Float64Array.of(0, 1), 0.5)]).toEqual([0, 2 / 3]);
});
