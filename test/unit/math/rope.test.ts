import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { largestError, MathArena, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(31);

const cases = [
  { heads: 1, headDim: 2, columns: 1, sequence: 1, base: 10_000 },
  { heads: 3, headDim: 8, columns: 40, sequence: 20, base: 10_000 },
  { heads: 2, headDim: 64, columns: 33, sequence: 33, base: 1_000_000 },
  { heads: 2, headDim: 6, columns: 50, sequence: 17, base: 500 },
];

describe.each(cases)('rotary embedding $heads × $headDim, $columns columns in sequences of $sequence', (shape) => {
  describe.each(['interleaved', 'half'] as const)('pairs %s', (pairing) => {
    const { heads, headDim, columns, sequence, base } = shape;

    test('rotate by position and frequency', () => {
      const x = memory.random('fp32', heads * headDim, columns, random);
      const before = x.values();
      const expected = Float64Array.from(before);
      for (let head = 0; head < heads; head++) {
        for (let i = 0; i < headDim / 2; i++) {
          const first = head * headDim + (pairing === 'half' ? i : 2 * i);
          const second = first + (pairing === 'half' ? headDim / 2 : 1);
          for (let n = 0; n < columns; n++) {
            const angle = (n % sequence) * base ** ((-2 * i) / headDim);
            const [a, b] = [before[first * columns + n] as number, before[second * columns + n] as number];
            expected[first * columns + n] = a * Math.cos(angle) - b * Math.sin(angle);
            expected[second * columns + n] = a * Math.sin(angle) + b * Math.cos(angle);
          }
        }
      }
      addon.math.rope(memory.arena, { ...shape, x: x.offset, pairing, inverse: false });
      expect(largestError(x.values(), expected)).toBeLessThan(5e-7);
    });

    test('the inverse undoes it, and is its transpose', () => {
      const x = memory.random('fp32', heads * headDim, columns, random);
      const y = memory.random('fp32', heads * headDim, columns, random);
      const [xs, ys] = [x.values(), y.values()];
      addon.math.rope(memory.arena, { ...shape, x: x.offset, pairing, inverse: false });
      addon.math.rope(memory.arena, { ...shape, x: y.offset, pairing, inverse: true });
      const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
      // ⟨R x, y⟩ = ⟨x, Rᵀ y⟩: the inverse is the gradient.
      expect(Math.abs(dot(x.values(), ys) - dot(xs, y.values()))).toBeLessThan(1e-5 * xs.length);
      addon.math.rope(memory.arena, { ...shape, x: x.offset, pairing, inverse: true });
      expect(largestError(x.values(), xs)).toBeLessThan(5e-7);
    });
  });
});

test('no result depends on the number of threads', () => {
  const x = memory.random('fp32', 8 * 32, 300, random);
  const before = x.bits();
  const [one, ...others] = withThreads(() => {
    x.restore(before);
    addon.math.rope(memory.arena, {
      x: x.offset,
      heads: 8,
      headDim: 32,
      columns: 300,
      sequence: 100,
      base: 10_000,
      pairing: 'half',
      inverse: false,
    });
    return x.digest();
  });
  for (const other of others) expect(other).toEqual(one);
});
