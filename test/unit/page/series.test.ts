import { expect, test } from 'vitest';
import { append, rowsIn, smooth, thin } from '../../../packages/page/src/series.js';

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
  expect([...smooth(Float64Array.of(4, 4, Number.NaN, 4), 0.9).values]).toEqual([4, 4, Number.NaN, 4]);
  expect([...smooth(Float64Array.of(0, 1), 0.5).values]).toEqual([0, 2 / 3]);
});

test('a curve that gains values is smoothed as if it were new, and what is known is not done again', () => {
  const whole = Float64Array.from(y, (value, row) => (row % 7 === 3 ? Number.NaN : value));
  let smoothed = smooth(whole.subarray(0, 1), 0.6);
  for (const rows of [1, 2, 5, 900, 9999, 10_000]) smoothed = smooth(whole.subarray(0, rows), 0.6, smoothed);
  expect(smoothed).toEqual(smooth(whole, 0.6));
  const known = { values: Float64Array.of(1, 2), sum: 0, share: 0 };
  expect([...smooth(Float64Array.of(7, 7, 5), 0.5, known).values]).toEqual([1, 2, 5]);
});

test('an array that gains a value at a time is seldom copied, and earlier ones keep their values', () => {
  // Of memory that is not its own, nothing is overwritten.
  const answer = Float64Array.of(1, 2, 3, 4);
  let all = append(new Float64Array(0), answer.subarray(0, 2));
  const earlier = [];
  const buffers = new Set<ArrayBufferLike>();
  for (let row = 0; row < 10_000; row++) {
    if (row < 3) earlier.push(all);
    all = append(all, Float64Array.of(row));
    buffers.add(all.buffer);
  }
  expect([...all]).toEqual([1, 2, ...Array.from({ length: 10_000 }, (_, row) => row)]);
  expect(earlier.map((array) => [...array])).toEqual([
    [1, 2],
    [1, 2, 0],
    [1, 2, 0, 1],
  ]);
  expect([...append(answer.subarray(0, 2), Float64Array.of(9))]).toEqual([1, 2, 9]);
  expect([...answer]).toEqual([1, 2, 3, 4]);
  expect(buffers.size).toBeLessThan(50);
});
