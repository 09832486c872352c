import { WeightGradients, weightGradient } from '@mayfly/core/testing';
import type { OuterProduct } from '@mayfly/native';
import { expect, test } from 'vitest';

/** Runs nothing; each task waits until the test finishes it. */
class Manual {
  readonly started: number[] = [];
  readonly #finish = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

  run([product]: readonly OuterProduct[]): Promise<void> {
    this.started.push(product!.c);
    return new Promise((resolve, reject) => this.#finish.set(product!.c, { resolve, reject }));
  }

  finish(c: number, error?: Error): void {
    const task = this.#finish.get(c)!;
    if (error === undefined) task.resolve();
    else task.reject(error);
  }
}

const matrix = (offset: number) => ({ offset, stride: 40, rows: 8, columns: 32 });
const task = (gradient: number) => [
  weightGradient(matrix(0), { ...matrix(1000), rows: 5 }, { gradient, overwrite: false, precision: 'fast' }),
];

test('a product is dW += dY·Xᵀ over the tokens', () => {
  expect(task(64)[0]).toMatchObject({ a: 0, aStride: 40, b: 1000, bStride: 40, c: 64, m: 8, n: 5, k: 32 });
  expect(task(64)[0]).toMatchObject({ overwrite: false, precision: 'fast' });
});

test('tasks of one key run one after another, those of different keys side by side', async () => {
  const runner = new Manual();
  const gradients = new WeightGradients(runner);
  gradients.submit('a', task(1));
  gradients.submit('a', task(2));
  gradients.submit('b', task(3));
  expect(runner.started).toEqual([1, 3]);
  const settled = gradients.settle('a');
  runner.finish(1);
  await Promise.resolve();
  await Promise.resolve();
  expect(runner.started).toEqual([1, 3, 2]);
  runner.finish(2);
  await settled;
});

test('settleAll waits for every key', async () => {
  const runner = new Manual();
  const gradients = new WeightGradients(runner);
  gradients.submit('a', task(1));
  gradients.submit('b', task(2));
  let settled = false;
  const all = gradients.settleAll().then(() => {
    settled = true;
  });
  runner.finish(1);
  await gradients.settle('a');
  expect(settled).toBe(false);
  runner.finish(2);
  await all;
});

test('an error reaches whoever settles the key', async () => {
  const runner = new Manual();
  const gradients = new WeightGradients(runner);
  gradients.submit('a', task(1));
  gradients.submit('a', task(2));
  runner.finish(1, new Error('no memory'));
  await expect(gradients.settle('a')).rejects.toThrow('no memory');
  expect(runner.started).toEqual([1]);
});
