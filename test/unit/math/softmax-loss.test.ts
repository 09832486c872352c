import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import {
  halfToNumber,
  largestError,
  MathArena,
  numberToHalf,
  randomNumbers,
  withThreads,
} from '../../fixtures/math-arena.js';

const memory = new MathArena(32 << 20);
afterAll(() => memory.close());

const random = randomNumbers(31);
const IGNORED = -1;

/** Logits that come in chunks of so many classes. */
function problem(vocab: number, columns: number, targets: readonly number[]) {
  const given = memory.random('fp16', vocab, columns, () => 12 * random(), columns + 3);
  const logits = memory.matrix('fp32', vocab, columns);
  const partials = memory.matrix('fp32', 2 * Math.ceil(vocab / 256) + 1, columns);
  const written = memory.matrix('fp16', vocab, columns, columns + 5);
  const shape = { logits: logits.offset, partials: partials.offset, targets: memory.tokens(targets), vocab, columns };
  const rowsOf = (first: number, most: number) => ({ first, rows: Math.min(most, vocab - first) });
  /** In chunks of `most` classes; gradients in other chunks. */
  const run = (most: number, gradientScale = 1) => {
    for (const matrix of [logits, partials, written]) matrix.fill(() => Number.NaN);
    for (let first = 0; first < vocab; first += most) {
      const from = given.offset + 2 * first * given.stride;
      const rows = rowsOf(first, most);
      addon.math.softmaxChunk(memory.arena, { ...shape, ...rows, from, fromStride: given.stride });
    }
    const loss = addon.math.softmaxLoss(memory.arena, { ...shape, gradientScale });
    for (let first = 0; first < vocab; first += most + 7) {
      const to = written.offset + 2 * first * written.stride;
      const rows = rowsOf(first, most + 7);
      addon.math.softmaxGradient(memory.arena, { ...shape, ...rows, to, toStride: written.stride, gradientScale });
    }
    return loss;
  };
  return { given, logits, written, run };
}

/** Loss and gradients in double precision. */
function reference({ given }: ReturnType<typeof problem>, targets: readonly number[], scale: number) {
  const { rows: vocab, columns } = given;
  const gradients = new Float64Array(vocab * columns);
  let loss = 0;
  for (const [n, target] of targets.entries()) {
    if (target === IGNORED) continue;
    const column = Array.from({ length: vocab }, (_, v) => given.at(v, n));
    const largest = Math.max(...column);
    const total = column.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    loss += largest + Math.log(total) - column[target]!;
    for (const [v, logit] of column.entries()) {
      gradients[v * columns + n] = scale * (Math.exp(logit - largest) / total - Number(v === target));
    }
  }
  return { loss, gradients };
}

describe.each([
  ['one class', 1, [0]],
  ['less than a range', 100, [99, IGNORED, 0]],
  ['whole ranges', 512, [255, 256, 511, IGNORED, 0]],
  ['ranges that end within chunks', 1001, Array.from({ length: 35 }, (_, n) => (n % 5 === 4 ? IGNORED : 28 * n))],
] as const)('softmax of %s', (_, vocab, targets) => {
  const own = problem(vocab, targets.length, targets);

  test('agrees with double precision, gradients too', () => {
    const expected = reference(own, targets, 0.5);
    expect(Math.abs(own.run(vocab, 0.5) / expected.loss - 1) || 0).toBeLessThan(1e-6);
    const gradients = own.logits.values();
    expect(largestError(gradients, expected.gradients)).toBeLessThan(1e-6);
    const halves = gradients.map((value) => halfToNumber(numberToHalf(value)));
    expect(largestError(own.written.values(), halves)).toBe(0);
  });

  test('has the same bits in any chunks, with any threads', () => {
    const results = [vocab, 32, 300, 288].flatMap((most) =>
      withThreads(() => [own.run(most), own.logits.digest(), own.written.digest()]),
    );
    for (const result of results) expect(result).toEqual(results[0]);
  });
});

test('no column that is ignored reaches a gradient, whatever its logits', () => {
  const own = problem(300, 2, [7, IGNORED]);
  const alone = own.run(100);
  own.given.set(3, 1, Number.POSITIVE_INFINITY);
  own.given.set(290, 1, Number.NaN);
  expect(own.run(100)).toBe(alone);
  for (let v = 0; v < 300; v++) expect([own.logits.at(v, 1), own.written.at(v, 1)]).toEqual([0, 0]);
});

test('a logit that is not finite makes a loss that is not', () => {
  const own = problem(300, 2, [7, 8]);
  own.given.set(290, 1, Number.NaN);
  expect(own.run(100)).toBeNaN();
});
