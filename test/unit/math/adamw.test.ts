import { addon } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';
import { largestError, MathArena, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(37);
const settings = { lr: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 };

function problem(count: number) {
  const weights = memory.random('fp32', 1, count, random);
  const gradients = memory.random('fp32', 1, count, random);
  const m = memory.matrix('fp32', 1, count);
  const v = memory.matrix('fp32', 1, count);
  const offsets = { weights: weights.offset, gradients: gradients.offset, m: m.offset, v: v.offset, count };
  return { weights, gradients, m, v, offsets };
}

test.each([1, 15, 16, 100, 40_001])('ten steps over %i weights follow double precision', (count) => {
  const { weights, gradients, m, v, offsets } = problem(count);
  const [w, first, second] = [weights.values(), m.values(), v.values()];
  const { lr, beta1, beta2, eps, weightDecay } = settings;
  for (let step = 1; step <= 10; step++) {
    gradients.fill(random);
    const gradientScale = 1 / step;
    addon.math.adamw(memory.arena, { ...offsets, ...settings, step, gradientScale });
    for (let i = 0; i < count; i++) {
      const g = gradients.at(0, i) * gradientScale;
      first[i] = beta1 * (first[i] as number) + (1 - beta1) * g;
      second[i] = beta2 * (second[i] as number) + (1 - beta2) * g * g;
      const update =
        (first[i] as number) / (1 - beta1 ** step) / (Math.sqrt((second[i] as number) / (1 - beta2 ** step)) + eps);
      w[i] = (w[i] as number) - lr * (update + weightDecay * (w[i] as number));
    }
  }
  expect(largestError(m.values(), first)).toBeLessThan(1e-6);
  expect(largestError(v.values(), second)).toBeLessThan(1e-6);
  expect(largestError(weights.values(), w)).toBeLessThan(2e-6);
});

test('a small weight decay is not lost to rounding', () => {
  const { weights, gradients, offsets } = problem(16);
  gradients.fill(() => 0);
  weights.fill(() => 1);
  for (let step = 1; step <= 1000; step++) {
    addon.math.adamw(memory.arena, { ...offsets, ...settings, lr: 1e-4, weightDecay: 0.01, step, gradientScale: 1 });
  }
  expect(Math.abs(weights.at(0, 3) - (1 - 1e-6) ** 1000)).toBeLessThan(5e-5);
});

test('no result depends on the number of threads, nor an element on its place', () => {
  const { weights, gradients, m, v, offsets } = problem(100_003);
  gradients.fill(() => 0.25);
  weights.fill(() => -0.5);
  const before = [weights, m, v].map((matrix) => matrix.bits());
  const [one, ...others] = withThreads(() => {
    for (const [i, matrix] of [weights, m, v].entries()) matrix.restore(before[i] as Uint8Array);
    addon.math.adamw(memory.arena, { ...offsets, ...settings, step: 3, gradientScale: 0.5 });
    return [weights.digest(), m.digest(), v.digest()];
  });
  for (const other of others) expect(other).toEqual(one);
  expect(new Set(weights.values()).size).toBe(1);
});

test.each([false, true])('writes the updated weights as fp16 in the same pass, transposed: %s', (transpose) => {
  const [rows, columns] = [37, 301];
  const { weights, m, v, offsets } = problem(rows * columns);
  const before = [weights, m, v].map((matrix) => matrix.bits());
  addon.math.adamw(memory.arena, { ...offsets, ...settings, step: 2, gradientScale: 1 });
  const expected = [weights.digest(), m.digest(), v.digest()];
  const half = transpose ? memory.matrix('fp16', columns, rows, 48) : memory.matrix('fp16', rows, columns, 320);
  const converted = transpose ? memory.matrix('fp16', columns, rows, 48) : memory.matrix('fp16', rows, columns, 320);
  const from = { from: weights.offset, fromStride: columns, rows, columns, transpose };
  addon.math.toHalf(memory.arena, { ...from, to: converted.offset, toStride: converted.stride });
  const results = withThreads(() => {
    for (const [i, matrix] of [weights, m, v].entries()) matrix.restore(before[i] as Uint8Array);
    half.fill(() => 1);
    const place = { half: half.offset, halfStride: half.stride, columns, transpose };
    addon.math.adamw(memory.arena, { ...offsets, ...settings, step: 2, gradientScale: 1, ...place });
    return [weights.digest(), m.digest(), v.digest()];
  });
  for (const result of results) expect(result).toEqual(expected);
  expect(half.values()).toEqual(converted.values());
});

test.each([
  [1, [0]],
  [300, [299, 7, 7, 0, 8]],
  [70, []],
])('of %i rows, those that ids name and then all others are updated as all at once', (rows, ids) => {
  const columns = 13;
  const named = ids.length === 0 ? Array.from({ length: rows }, (_, row) => row) : ids;
  const parts = problem(rows * columns);
  const bits = parts.weights.bits();
  const options = { ...parts.offsets, ...settings, step: 3, gradientScale: 0.5 };
  addon.math.adamw(memory.arena, options);
  const whole = [parts.weights, parts.m, parts.v].map((each) => each.digest());

  const tokens = { rows: memory.tokens(named), ids: named.length, columns };
  const digests = withThreads(() => {
    parts.weights.restore(bits);
    parts.m.fill(() => 0);
    parts.v.fill(() => 0);
    const before = parts.weights.values();
    addon.math.adamw(memory.arena, { ...options, ...tokens });
    const changed = before.map((value, i) => Number(value !== parts.weights.at(0, i)));
    expect(
      new Set(
        Array.from(changed.keys())
          .filter((i) => changed[i] === 1)
          .map((i) => Math.floor(i / columns)),
      ),
    ).toEqual(new Set(named));
    addon.math.adamw(memory.arena, { ...options, ...tokens, others: true });
    return [parts.weights, parts.m, parts.v].map((each) => each.digest());
  });
  expect(digests).toEqual([whole, whole, whole, whole]);
});

test('rows beyond the matrix, and rows with fp16 copies, are refused', () => {
  const { offsets } = problem(40);
  const given = { ...offsets, ...settings, step: 1, gradientScale: 1, columns: 10, ids: 1 };
  expect(() => addon.math.adamw(memory.arena, { ...given, rows: memory.tokens([4]) })).toThrow(
    /^Expected rows\[0\] to be from 0 to 3/,
  );
  const half = { half: memory.reserve(80), halfStride: 10 };
  expect(() => addon.math.adamw(memory.arena, { ...given, ...half, rows: memory.tokens([3]) })).toThrow(
    'Expected rows or half, got both',
  );
});
