import { TABLES_RANK, WeightGradients, weightGradient } from '@mayfly/core/testing';
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
  const flag = memory.matrix('fp32', 1, 16);

  /** Queues tasks while the queue has other work, and returns their names in the order in which they ended. */
  async function orderOf(queueAll: (task: (name: string) => () => Promise<unknown>) => WeightGradients) {
    for (let copies = 64; ; copies *= 4) {
      const ended: string[] = [];
      flag.fill(() => 1);
      const products = Array.from({ length: copies }, () => productsOf(0)).flat();
      const others = [
        addon.mathQueue.outerProducts(memory.arena, products),
        addon.mathQueue.zero(memory.arena, flag.offset, 64),
      ];
      const held = queueAll((name) => () => addon.mathQueue.zero(memory.arena, 0, 0).then(() => ended.push(name)));
      const wasBusy = flag.at(0, 0) === 1;
      await Promise.all([...others, held.settleAll()]);
      if (wasBusy) return ended;
    }
  }

  test('begin by rank, then in the order in which they came, behind what is queued meanwhile', async () => {
    const order = await orderOf((task) => {
      const held = new WeightGradients(memory.arena, 1);
      const ranks = { b: 2, high: 7, low: 1, 'b again': 2, last: TABLES_RANK };
      for (const [name, rank] of Object.entries(ranks)) held.hold(name, rank, task(name));
      held.add('direct', task('direct')());
      return held;
    });
    expect(order).toEqual(['direct', 'low', 'b', 'b again', 'high', 'last']);
  });

  test('leave other calls their rank where one of them throws', async () => {
    const order = await orderOf((task) => {
      const held = new WeightGradients(memory.arena, 1);
      held.hold('low', 1, task('low'));
      const fails = () => {
        throw new Error('no memory');
      };
      expect(() => held.hold('bad', 5, fails)).toThrow('no memory');
      held.add('direct', task('direct')());
      return held;
    });
    expect(order).toEqual(['direct', 'low']);
  });

  test('begin after a promise', async () => {
    const order: string[] = [];
    const held = new WeightGradients(memory.arena, 1);
    let resolve!: () => void;
    const before = new Promise<void>((done) => {
      resolve = done;
    });
    held.hold('after', 1, async () => order.push('after'), before);
    await addon.mathQueue.zero(memory.arena, 0, 0);
    order.push('before');
    resolve();
    await held.settleAll();
    expect(order).toEqual(['before', 'after']);
  });

  test('that fail reach whoever waits for them, and the next ones begin', async () => {
    const held = new WeightGradients(memory.arena, 1);
    held.hold('bad', 1, () => Promise.reject(new Error('no memory')));
    held.hold('good', 2, () => Promise.resolve());
    await expect(held.settle('bad')).rejects.toThrow('no memory');
    await held.settle('good');
  });

  test('are done when the queue is finished', async () => {
    const held = new WeightGradients(memory.arena, 1);
    flag.fill(() => 1);
    held.hold('last', TABLES_RANK, () => addon.mathQueue.zero(memory.arena, flag.offset, 64));
    addon.mathQueue.finish();
    expect(flag.at(0, 0)).toBe(0);
    await held.settleAll();
  });
});

test.each([-1, 0.5, 2 ** 31, '1', undefined])('the queue refuses the rank %s', (rank) => {
  expect(() => addon.mathQueue.rank(rank as number)).toThrow(/rank/);
});
