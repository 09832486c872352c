import { addon } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';
import { largestError, MathArena, type Matrix, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(41);
const settings = { lr: 0.02, momentum: 0.95, weightDecay: 0.1 };

function problem(rows: number, columns: number) {
  const weights = memory.random('fp32', rows, columns, random);
  const gradients = memory.random('fp32', rows, columns, random);
  const m = memory.matrix('fp32', rows, columns);
  const offsets = { weights: weights.offset, gradients: gradients.offset, m: m.offset, rows, columns };
  return { weights, gradients, m, offsets };
}

type Rows = number[][];
const rowsOf = (matrix: Matrix): Rows =>
  Array.from({ length: matrix.rows }, (_, row) =>
    Array.from({ length: matrix.columns }, (__, column) => matrix.at(row, column)),
  );
const map = (a: Rows, b: Rows, of: (x: number, y: number) => number): Rows =>
  a.map((row, i) => row.map((x, j) => of(x, b[i]![j]!)));
const transposed = (a: Rows): Rows => a[0]!.map((_, column) => a.map((row) => row[column]!));
const product = (a: Rows, b: Rows): Rows => {
  const columns = transposed(b);
  return a.map((row) => columns.map((column) => row.reduce((sum, x, k) => sum + x * column[k]!, 0)));
};

/** The iteration as its authors write it, in double precision: a matrix with more rows than columns is transposed before and after. */
function orthogonalized(u: Rows): Rows {
  if (u.length > u[0]!.length) return transposed(orthogonalized(transposed(u)));
  const norm = Math.sqrt(u.flat().reduce((sum, x) => sum + x * x, 0)) + 1e-7;
  let x = u.map((row) => row.map((value) => value / norm));
  for (let iteration = 0; iteration < 5; iteration++) {
    const gram = product(x, transposed(x));
    const polynomial = map(gram, product(gram, gram), (a, b) => -4.775 * a + 2.0315 * b);
    x = map(x, product(polynomial, x), (a, b) => 3.4445 * a + b);
  }
  return x;
}

test.each([
  [8, 8],
  [1, 7],
  [5, 37],
  [37, 5],
  [48, 33],
  [96, 130],
])('four steps of a matrix [%i, %i] follow double precision', (rows, columns) => {
  const { weights, gradients, m, offsets } = problem(rows, columns);
  let [w, momentum] = [rowsOf(weights), rowsOf(m)];
  const { lr, momentum: beta, weightDecay } = settings;
  for (let step = 1; step <= 4; step++) {
    gradients.fill(random);
    const [gradientScale, scale] = [1 / (1024 * step), 0.2 * Math.sqrt(Math.max(rows, columns))];
    addon.math.muon(memory.arena, { ...offsets, ...settings, gradientScale, scale });
    const g = rowsOf(gradients).map((row) => row.map((x) => x * gradientScale));
    momentum = map(momentum, g, (x, y) => beta * x + (1 - beta) * y);
    const direction = orthogonalized(map(momentum, g, (x, y) => beta * x + (1 - beta) * y));
    w = map(w, direction, (x, o) => x - lr * (scale * o + weightDecay * x));
  }
  expect(largestError(m.values(), momentum.flat())).toBeLessThan(1e-6);
  expect(largestError(weights.values(), w.flat())).toBeLessThan(1e-5);
});

test('the update has singular values near 1, whatever the size of the gradient', () => {
  for (const gradientScale of [1e-6, 1, 1e6]) {
    const { weights, gradients, offsets } = problem(24, 60);
    weights.fill(() => 0);
    gradients.fill(random);
    addon.math.muon(memory.arena, { ...offsets, ...settings, lr: 1, weightDecay: 0, scale: -1, gradientScale });
    const o = rowsOf(weights);
    const gram = product(o, transposed(o));
    // The diagonal of O·Oᵀ: means of squared singular values, which the polynomial leaves within 0.7 … 1.2.
    for (const [index, row] of gram.entries()) {
      expect(row[index]).toBeGreaterThan(0.5);
      expect(row[index]).toBeLessThan(1.5);
    }
  }
});

test('a gradient of zeros changes nothing but by decay', () => {
  const { weights, gradients, offsets } = problem(9, 4);
  gradients.fill(() => 0);
  weights.fill(() => 2);
  addon.math.muon(memory.arena, { ...offsets, ...settings, scale: 1, gradientScale: 1 });
  expect(weights.values().every((value) => Math.abs(value - 2 * (1 - 0.02 * 0.1)) < 1e-6)).toBe(true);
});

test.each(['exact', 'fast'] as const)('no result depends on the number of threads, with precision %s', (precision) => {
  const { weights, m, offsets } = problem(161, 230);
  const before = [weights, m].map((matrix) => matrix.bits());
  const [one, ...others] = withThreads(() => {
    for (const [i, matrix] of [weights, m].entries()) matrix.restore(before[i] as Uint8Array);
    addon.math.muon(memory.arena, { ...offsets, ...settings, scale: 3, gradientScale: 0.5, precision });
    return [weights.digest(), m.digest()];
  });
  for (const other of others) expect(other).toEqual(one);
});

test.each([false, true])('writes the updated weights as fp16, transposed: %s', (transpose) => {
  const [rows, columns] = [37, 21];
  const { weights, offsets } = problem(rows, columns);
  const place = transpose ? memory.matrix('fp16', columns, rows, 48) : memory.matrix('fp16', rows, columns, 32);
  const half = { half: place.offset, halfStride: place.stride, transpose };
  addon.math.muon(memory.arena, { ...offsets, ...settings, scale: 1, gradientScale: 1, ...half });
  const of = (row: number, column: number) => (transpose ? place.at(column, row) : place.at(row, column));
  const halves = rowsOf(weights).map((each, row) => each.map((_, column) => of(row, column)));
  expect(largestError(halves.flat(), weights.values())).toBeLessThan(6e-4);
});
