import { WeightGradients, weightGradient } from '@mayfly/core/testing';
import { addon, type OuterProduct } from '@mayfly/native';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { MathArena, type Matrix, randomNumbers } from '../../fixtures/math-arena.js';

const memory = new MathArena(64 << 20);
afterAll(() => memory.close());
const random = randomNumbers(5);

const COLUMNS = 200;
const options = { overwrite: false, addends: [], precision: 'exact' } as const;

/** A half's operands: a dY and an X of every product. The first two products add to the same gradient. */
const operands = [
  [288, 96, 0],
  [288, 96, 0],
  [100, 5, 1],
  [8, 8, 2],
  [500, 70, 3],
].map(([m, n, gradient]) => ({
  dy: memory.random('fp16', m!, COLUMNS, random, COLUMNS + 8),
  x: memory.random('fp16', n!, COLUMNS, random, COLUMNS + 8),
  gradient: gradient!,
}));
const gradients = operands.slice(1).map(({ dy, x }) => memory.matrix('fp32', dy.rows, x.rows));

const matrix = ({ offset, stride, rows, columns }: Matrix) => ({ offset, stride, rows, columns });
const productsOf = (from: number, to?: number): OuterProduct[] =>
  operands
    .slice(from, to)
    .map(({ dy, x, gradient }) =>
      weightGradient(matrix(dy), matrix(x), { ...options, gradient: gradients[gradient]!.offset }),
    );
const results = () => gradients.map((gradient) => [...gradient.values()]);

beforeEach(() => {
  for (const gradient of gradients) gradient.fill(() => 0.5);
});

test('a product is dW += dY·Xᵀ over the tokens', () => {
  const dy = { offset: 0, stride: 40, rows: 8, columns: 32 };
  const x = { offset: 1000, stride: 40, rows: 5, columns: 32 };
  expect(weightGradient(dy, x, { gradient: 64, overwrite: false, addends: [128], precision: 'fast' })).toEqual({
    ...{ a: 0, aType: 'fp16', aStride: 40, b: 1000, bType: 'fp16', bStride: 40 },
    ...{ c: 64, m: 8, n: 5, k: 32, overwrite: false, addends: [128], precision: 'fast' },
  });
});

describe('weight gradients are the same bits', () => {
  const expected = (() => {
    for (const gradient of gradients) gradient.fill(() => 0.5);
    for (const product of productsOf(0)) addon.math.outerProducts(memory.arena, [product]);
    return results();
  })();

  test.each([0, 1, 2, 3, 8, 500])('on %i threads', async (threads) => {
    const tasks = new WeightGradients(memory.arena, threads);
    tasks.submit('a', productsOf(0));
    await tasks.settle('a');
    expect(results()).toEqual(expected);
  });

  test.each([0, 2])('from tasks of several keys in flight on %i threads', async (threads) => {
    const tasks = new WeightGradients(memory.arena, threads);
    tasks.submit('a', productsOf(0, 1));
    tasks.submit('b', productsOf(1, 3));
    tasks.submit('a', productsOf(3));
    await tasks.settleAll();
    expect(results()).toEqual(expected);
  });

  test.each([1, 3])('in a pool of %i threads', async (poolThreads) => {
    addon.math.setThreads(poolThreads);
    try {
      await addon.mathQueue.outerProducts(memory.arena, productsOf(0), 2);
      expect(results()).toEqual(expected);
    } finally {
      addon.math.setThreads(2);
    }
  });
});

test('settleAll waits for every key', async () => {
  const tasks = new WeightGradients(memory.arena, 2);
  const done: string[] = [];
  for (const key of ['a', 'b']) tasks.submit(key, productsOf(0));
  const all = tasks.settleAll().then(() => done.push('all'));
  for (const key of ['a', 'b']) void tasks.settle(key).then(() => done.push(key));
  await all;
  expect(done).toEqual(['a', 'b', 'all']);
});

test('an error reaches whoever settles the key, and no other key', async () => {
  const tasks = new WeightGradients(memory.arena, 2);
  tasks.submit('a', [{ ...productsOf(0)[0]!, c: 2 ** 40 }]);
  tasks.submit('a', productsOf(1, 2));
  tasks.submit('b', productsOf(2));
  await tasks.settle('b');
  await expect(tasks.settle('a')).rejects.toMatchObject({ name: 'MayflyError', code: 'ERR_ARENA_BOUNDS' });
  await tasks.settleAll();
});
