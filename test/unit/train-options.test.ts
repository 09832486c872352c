import { describe, expect, test } from 'vitest';
import { resolveTrainOptions, type TrainOptions } from '../../packages/core/src/train/options.js';

const resolve = (options: TrainOptions) => resolveTrainOptions({ data: 'text.txt', ...options }, 8);

test('fills in defaults', () => {
  expect(resolve({ lr: 2e-3 })).toMatchObject({
    model: 'tiny',
    weights: 'dynamic',
    lr: 2e-3,
    minLr: 2e-4,
    hostThreads: 8,
  });
});

describe('rejects what makes no sense and names it', () => {
  const cases: [TrainOptions, string][] = [
    [{ batch: 0 }, 'Expected batch to be a whole number from 1 up, got 0 (number)'],
    [{ steps: 1.5 }, 'Expected steps to be a whole number from 1 up, got 1.5 (number)'],
    [{ lr: 0 }, 'Expected lr to be a number above 0, got 0 (number)'],
    [{ lr: Number.NaN }, 'Expected lr to be a number above 0, got NaN (number)'],
    [{ minLr: 1 }, 'Expected minLr to be a number from 0 to lr 0.001, got 1 (number)'],
    [{ betas: [0.9, 1] }, 'Expected betas to be two numbers from 0 up to, but less than, 1, got 0.9,1 (object)'],
    [{ lossScale: -1 }, 'Expected lossScale to be a number above 0, or dynamic, got -1 (number)'],
    [{ order: 'sorted' as 'random' }, 'Expected order to be random or sequential, got `sorted` (string)'],
    [{ weights: 'fixed' as 'static' }, 'Expected weights to be dynamic or static, got `fixed` (string)'],
    [{ data: '' }, 'Expected data to be a name or path, got `` (string)'],
    [
      { schedule: 'cosine', steps: 5, warmup: 5 },
      'Expected warmup to be fewer than the 5 steps of a cosine, got 5 (number)',
    ],
  ];
  test.each(cases)('%o', (options, message) => {
    expect(() => resolve(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message }));
  });
});

describe('resuming', () => {
  const saved = { ...resolve({ batch: 3, lr: 5e-4, steps: 100, order: 'sequential' }), seq: 128 };

  test('takes the options of the run that is resumed', () => {
    const options = resolveTrainOptions({ resume: 'run' }, 8, saved);
    expect(options).toMatchObject({
      batch: 3,
      lr: 5e-4,
      steps: 100,
      order: 'sequential',
      data: 'text.txt',
      out: 'run',
    });
  });

  test('lets the user change what does not move the data', () => {
    expect(resolveTrainOptions({ resume: 'run', steps: 200, workers: 3 }, 8, saved)).toMatchObject({
      steps: 200,
      workers: 3,
    });
  });

  test('refuses to lose the place in the data', () => {
    expect(() => resolveTrainOptions({ resume: 'run', batch: 4 }, 8, saved)).toThrow(
      'Expected batch to be 3 as in the run that is resumed, got 4 (number)',
    );
  });
});
