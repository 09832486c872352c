import { addon } from '@mayfly/native';
import { afterAll, describe, expect, test } from 'vitest';
import { largestError, MathArena, randomNumbers, withThreads } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const random = randomNumbers(29);

function problem(vocab: number, dim: number, columns: number) {
  const table = memory.random('fp32', vocab, dim, random);
  const ids = Array.from({ length: columns }, () => Math.floor(((random() + 1) / 2) * vocab));
  const activations = memory.random('fp32', dim, columns, random);
  const shape = { tokens: memory.tokens(ids), vocab, dim, columns };
  return { table, ids, activations, shape };
}

describe.each([
  [3, 1, 1],
  [10, 16, 16],
  [7, 33, 50],
  [100, 70, 129],
] as const)('embedding of %i tokens, %i rows, %i columns', (vocab, dim, columns) => {
  test('copies rows of the table into columns', () => {
    const { table, ids, activations, shape } = problem(vocab, dim, columns);
    addon.math.embed(memory.arena, { ...shape, table: table.offset, out: activations.offset });
    const expected = activations.values().map((_, i) => table.at(ids[i % columns] as number, Math.floor(i / columns)));
    expect(activations.values()).toEqual(expected);
  });

  test('adds the gradient of every use of a token, in order', () => {
    const { table, ids, activations, shape } = problem(vocab, dim, columns);
    const expected = Float32Array.from(table.values());
    for (let n = 0; n < columns; n++) {
      for (let d = 0; d < dim; d++) {
        const at = (ids[n] as number) * dim + d;
        expected[at] = (expected[at] as number) + activations.at(d, n);
      }
    }
    const before = table.bits();
    const results = withThreads(() => {
      table.restore(before);
      addon.math.embedBackward(memory.arena, { ...shape, gradient: activations.offset, tableGradient: table.offset });
      return Float32Array.from(table.values());
    });
    expect(results).toEqual(results.map(() => expected));
  });
});

test('the gradient agrees with finite differences', () => {
  const { table, activations, shape } = problem(5, 6, 9);
  const gradient = memory.matrix('fp32', 5, 6);
  addon.math.embedBackward(memory.arena, { ...shape, gradient: activations.offset, tableGradient: gradient.offset });
  const out = memory.matrix('fp32', 6, 9);
  const objective = () => {
    addon.math.embed(memory.arena, { ...shape, table: table.offset, out: out.offset });
    return out.values().reduce((sum, value, i) => sum + value * activations.at(Math.floor(i / 9), i % 9), 0);
  };
  const slopes = gradient.values().map((_, i) => {
    const [v, d] = [Math.floor(i / 6), i % 6];
    const middle = table.at(v, d);
    table.set(v, d, middle + 0.5);
    const above = objective();
    table.set(v, d, middle - 0.5);
    const below = objective();
    table.set(v, d, middle);
    return above - below;
  });
  expect(largestError(gradient.values(), slopes)).toBeLessThan(1e-5);
});

test.each(['embed', 'embedBackward'] as const)(
  '%s names a token outside the vocabulary before anything is written',
  (name) => {
    const { table, activations, shape } = problem(5, 6, 3);
    const before = [table.bits(), activations.bits()];
    const options = {
      ...shape,
      tokens: memory.tokens([0, 4, -7]),
      table: table.offset,
      out: activations.offset,
      gradient: activations.offset,
      tableGradient: table.offset,
    };
    const run = () => addon.math[name](memory.arena, options);
    expect(run).toThrow('Expected tokens[2] to be from 0 to 4 (a vocabulary of 5), got -7');
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_TOKEN_RANGE' }));
    expect([table.bits(), activations.bits()]).toEqual(before);
  },
);
