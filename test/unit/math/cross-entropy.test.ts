import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { largestError, MathArena, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena(128 << 20);
afterAll(() => memory.close());

const random = randomNumbers(23);

function problem(vocab: number, dim: number, columns: number, spread = 1) {
  const x = memory.random('fp32', dim, columns, () => spread * random());
  const table = memory.random('fp32', vocab, dim, random);
  const ids = Array.from({ length: columns }, () => Math.floor(((random() + 1) / 2) * vocab));
  const dx = memory.random('fp32', dim, columns, () => 9);
  const dTable = memory.random('fp32', vocab, dim, random);
  const shape = { x: x.offset, table: table.offset, targets: memory.tokens(ids), vocab, dim, columns };
  const loss = () => addon.math.crossEntropy(memory.arena, shape);
  const gradients = (gradientScale: number) =>
    addon.math.crossEntropy(memory.arena, { ...shape, dx: dx.offset, dTable: dTable.offset, gradientScale });
  return { x, table, ids, dx, dTable, shape, loss, gradients };
}

/** Loss and gradients in double precision. */
function reference({ x, table, ids }: ReturnType<typeof problem>, scale: number) {
  const [vocab, dim, columns] = [table.rows, table.columns, x.columns];
  const [xs, ts] = [x.values(), table.values()];
  const dx = new Float64Array(dim * columns);
  const dTable = new Float64Array(vocab * dim);
  let loss = 0;
  for (let n = 0; n < columns; n++) {
    const logits = Array.from({ length: vocab }, (_, v) => {
      let logit = 0;
      for (let d = 0; d < dim; d++) logit += (ts[v * dim + d] as number) * (xs[d * columns + n] as number);
      return logit;
    });
    const largest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    loss += largest + Math.log(total) - (logits[ids[n] as number] as number);
    for (let v = 0; v < vocab; v++) {
      const g = scale * (Math.exp((logits[v] as number) - largest) / total - (v === ids[n] ? 1 : 0));
      for (let d = 0; d < dim; d++) {
        dx[d * columns + n] = (dx[d * columns + n] as number) + g * (ts[v * dim + d] as number);
        dTable[v * dim + d] = (dTable[v * dim + d] as number) + g * (xs[d * columns + n] as number);
      }
    }
  }
  return { loss, dx, dTable };
}

/** Root of the mean of squared errors over that of what is expected. */
function relativeError(actual: Float64Array, expected: Float64Array): number {
  const squares = expected.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (actual[i]! - value) ** 2, 0) / squares);
}

describe.each([
  [2, 1, 1],
  [7, 5, 3],
  [256, 32, 40],
  [300, 17, 33],
  [1031, 24, 70],
] as const)('cross-entropy over %i tokens, %i rows, %i columns', (vocab, dim, columns) => {
  test('agrees with double precision, gradients too', () => {
    const p = problem(vocab, dim, columns, 4);
    const expected = reference(p, 0.5);
    const loss = p.gradients(0.5);
    expect(Math.abs(loss - expected.loss) / columns).toBeLessThan(2e-6);
    expect(p.loss()).toBe(loss);
    expect(largestError(p.dx.values(), expected.dx)).toBeLessThan(2e-5);
    expect(largestError(p.dTable.values(), expected.dTable)).toBeLessThan(2e-5);
  });
});

test('a vocabulary of many blocks gives what one block gives', () => {
  // 70,000 tokens leave room for 32 columns at a time.
  const p = problem(70_000, 3, 70);
  const expected = reference(p, 1);
  expect(Math.abs(p.gradients(1) - expected.loss) / 70).toBeLessThan(1e-5);
  expect(largestError(p.dx.values(), expected.dx)).toBeLessThan(2e-5);
  expect(largestError(p.dTable.values(), expected.dTable)).toBeLessThan(2e-5);
});

test('gradients agree with finite differences', () => {
  const p = problem(50, 10, 6);
  p.gradients(1);
  for (let i = 0; i < 10; i++) {
    for (const [values, gradient, row, column] of [
      [p.x, p.dx, i, i % 6],
      [p.table, p.dTable, 5 * i, i],
    ] as const) {
      const middle = values.at(row, column);
      values.set(row, column, middle + 0.02);
      const [above, high] = [p.loss(), values.at(row, column)];
      values.set(row, column, middle - 0.02);
      const [below, low] = [p.loss(), values.at(row, column)];
      values.set(row, column, middle);
      expect(Math.abs((above - below) / (high - low) - gradient.at(row, column))).toBeLessThan(1e-3);
    }
  }
});

test('no result depends on the number of threads', () => {
  const p = problem(1500, 40, 90);
  const [one, ...others] = withThreads(() => [p.gradients(128), p.dx.digest(), p.dTable.digest()]);
  for (const other of others) expect(other).toEqual(one);
});

test('fast products round operands to bf16, or are exact; the same bits for any number of threads', () => {
  // More depth than is packed at a time, on every instruction set.
  const p = problem(600, 1100, 40);
  const expected = reference(p, 1);
  const run = () => {
    const { dx, dTable } = p;
    const options = { ...p.shape, dx: dx.offset, dTable: dTable.offset, precision: 'fast' } as const;
    return [addon.math.crossEntropy(memory.arena, options), dx.digest(), dTable.digest()];
  };
  const [one, ...others] = withThreads(run);
  for (const other of others) expect(other).toEqual(one);
  const rounded = addon.fastMatmul() !== 'exact';
  const errors = [
    Math.abs((one![0] as number) - expected.loss) / 40 / 20,
    relativeError(p.dx.values(), expected.dx),
    relativeError(p.dTable.values(), expected.dTable),
  ];
  for (const error of errors) expect(error).toBeLessThan(rounded ? 2e-2 : 2e-5);
  if (rounded) for (const error of errors.slice(1)) expect(error).toBeGreaterThan(5e-4);
});

test('large logits neither overflow nor lose the loss; infinite ones show', () => {
  const p = problem(20, 4, 3, 1000);
  expect(Math.abs(p.loss() - reference(p, 1).loss)).toBeLessThan(1e-2);
  p.x.set(0, 1, Number.POSITIVE_INFINITY);
  expect(Number.isFinite(p.loss())).toBe(false);
  p.x.set(0, 1, Number.NaN);
  expect(p.loss()).toBeNaN();
});

test('logits of one column', () => {
  const p = problem(130, 37, 5);
  const out = memory.matrix('fp32', 1, 130);
  const { x, table, vocab, dim, columns } = p.shape;
  addon.math.logits(memory.arena, { x, column: 3, columns, table, out: out.offset, vocab, dim });
  const expected = Array.from({ length: 130 }, (_, v) => {
    let sum = 0;
    for (let d = 0; d < 37; d++) sum += p.table.at(v, d) * p.x.at(d, 3);
    return sum;
  });
  expect(largestError(out.values(), expected)).toBeLessThan(2e-6);
});

test('logits from a table of fp16, the same with any threads', () => {
  // Beside the widths of vectors, and more rows than one range of a thread.
  for (const [vocab, dim] of [
    [1, 1],
    [130, 37],
    [5000, 288],
  ] as const) {
    const p = problem(vocab, dim, 5);
    const table = memory.random('fp16', vocab, dim, random);
    const out = memory.matrix('fp32', 1, vocab);
    const place = { x: p.shape.x, column: 3, columns: 5, out: out.offset, vocab, dim };
    const [first, ...others] = withThreads(() => {
      addon.math.logits(memory.arena, { ...place, table: table.offset, tableType: 'fp16' });
      return Array.from(out.values());
    });
    for (const other of others) expect(other).toEqual(first);
    const expected = Array.from({ length: vocab }, (_, v) => {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum += table.at(v, d) * p.x.at(d, 3);
      return sum;
    });
    expect(largestError(first!, expected)).toBeLessThan(1e-5);
  }
});

test('a target outside the vocabulary is named before anything is written', () => {
  const p = problem(50, 4, 3);
  const targets = memory.tokens([1, 50, -1]);
  const before = [p.dx.bits(), p.dTable.bits()];
  const run = () =>
    addon.math.crossEntropy(memory.arena, { ...p.shape, targets, dx: p.dx.offset, dTable: p.dTable.offset });
  expect(run).toThrow('Expected targets[1] to be from -1 to 49 (a vocabulary of 50), got 50');
  expect(run).toThrow(expect.objectContaining({ code: 'ERR_TOKEN_RANGE' }));
  expect([p.dx.bits(), p.dTable.bits()]).toEqual(before);
});

test('the gradient of the table reads nothing of what was there', () => {
  // More columns than one block of logits holds.
  const p = problem(9000, 4, 1000);
  p.gradients(1);
  const expected = p.dTable.digest();
  p.dTable.fill(() => Number.NaN);
  const { dx, dTable } = p;
  addon.math.crossEntropy(memory.arena, { ...p.shape, dx: dx.offset, dTable: dTable.offset });
  expect(dTable.digest()).toBe(expected);
});

test('a target of −1 does not count: loss and gradients are those of the other columns', () => {
  const p = problem(300, 17, 33, 4);
  const counted = p.ids.map((id, n) => (n % 3 === 0 ? -1 : id));
  const places = counted.flatMap((id, n) => (id === -1 ? [] : [n]));
  const masked = { ...p.shape, targets: memory.tokens(counted) };
  const loss = addon.math.crossEntropy(memory.arena, {
    ...masked,
    ...{ dx: p.dx.offset, dTable: p.dTable.offset, gradientScale: 0.5 },
  });
  const [dx, dTable] = [p.dx.values(), p.dTable.values()];

  // The same problem without these columns.
  const x = memory.matrix('fp32', 17, places.length);
  for (let d = 0; d < 17; d++) for (const [n, place] of places.entries()) x.set(d, n, p.x.at(d, place));
  const targets = memory.tokens(places.map((n) => p.ids[n]!));
  const part = { ...p.shape, x: x.offset, targets, columns: places.length };
  const partDx = memory.matrix('fp32', 17, places.length);
  const alone = { ...part, dx: partDx.offset, dTable: p.dTable.offset, gradientScale: 0.5 };
  expect(addon.math.crossEntropy(memory.arena, alone)).toBe(loss);
  expect([...p.dTable.values()]).toEqual([...dTable]);
  const expected = new Float64Array(17 * 33);
  for (let d = 0; d < 17; d++)
    for (const [n, place] of places.entries()) expected[d * 33 + place] = partDx.values()[d * places.length + n]!;
  expect([...dx]).toEqual([...expected]);
});

test('without a counted target loss and gradients are zero, whatever the columns hold', () => {
  const p = problem(70, 5, 9);
  const none = memory.tokens(new Array(9).fill(-1));
  const x = memory.random('fp32', 5, 9, () => Number.NaN);
  const gradients = { dx: p.dx.offset, dTable: p.dTable.offset };
  expect(addon.math.crossEntropy(memory.arena, { ...p.shape, x: x.offset, targets: none, ...gradients })).toBe(0);
  expect([...p.dx.values(), ...p.dTable.values()].every((value) => value === 0)).toBe(true);
});
