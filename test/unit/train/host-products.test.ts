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

describe('tasks that are held back', () => {
  /** A task that ends when the test says so. */
  function task(name: string, began: string[]) {
    let end!: () => void;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const queue = () => {
      began.push(name);
      return ended;
    };
    return { name, queue, end };
  }

  test('begin by rank, then in the order in which they came, and keep one ahead of the queue', async () => {
    const began: string[] = [];
    const held = new WeightGradients(memory.arena, 1);
    const tasks = ['a', 'b', 'high', 'low', 'high again'].map((name) => task(name, began));
    const ranks = [1, 1, 7, 3, 7];
    for (const [index, { name, queue }] of tasks.entries()) held.hold(name, ranks[index]!, queue);
    expect(began).toEqual(['a', 'b']);
    for (const [index, { name, end }] of tasks.slice(0, 2).entries()) {
      end();
      await held.settle(name);
      expect(began).toEqual(['a', 'b', 'low', 'high'].slice(0, 3 + index));
    }
    for (const { end } of tasks) end();
    await held.settleAll();
    expect(began).toEqual(['a', 'b', 'low', 'high', 'high again']);
  });

  test('are dropped with an error for whoever waits, but for those that the queue has', async () => {
    const began: string[] = [];
    const held = new WeightGradients(memory.arena, 1);
    const tasks = ['a', 'b', 'c', 'd'].map((name) => task(name, began));
    for (const [rank, { name, queue }] of tasks.entries()) held.hold(name, rank, queue);
    const waits = ['c', 'd'].map((name) => expect(held.settle(name)).rejects.toMatchObject({ code: 'ERR_CLOSED' }));
    held.drop();
    await Promise.all(waits);
    for (const { end } of tasks) end();
    await held.settleAll();
    expect(began).toEqual(['a', 'b']);
  });

  test('that fail reach whoever waits for them, and the next ones begin', async () => {
    const held = new WeightGradients(memory.arena, 1);
    held.hold('bad', 0, () => Promise.reject(new Error('no memory')));
    held.hold('good', 1, () => Promise.resolve());
    await expect(held.settle('bad')).rejects.toThrow('no memory');
    await held.settle('good');
  });
});
