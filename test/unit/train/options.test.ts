import {
  type FilledTrainOptions,
  type PlainTrainOptions,
  resolveTrainOptions,
  savedTrainOptions,
} from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const resolve = (options: PlainTrainOptions) => resolveTrainOptions({ data: 'text.txt', ...options });

test('fills in defaults', () => {
  expect(resolve({ lr: 2e-3 })).toMatchObject({
    model: 'tiny',
    weights: 'dynamic',
    lr: 2e-3,
    minLr: 2e-4,
  });
});

describe('rejects what makes no sense and names it', () => {
  const cases: [PlainTrainOptions, string][] = [
    [{ batch: 0 }, 'Expected batch to be a whole number from 1 up, got 0'],
    [{ steps: 1.5 }, 'Expected steps to be a whole number from 1 up, got 1.5'],
    [{ lr: 0 }, 'Expected lr to be a number above 0, got 0'],
    [{ lr: Number.NaN }, 'Expected lr to be a number above 0, got NaN'],
    [{ minLr: 1 }, 'Expected minLr to be a number from 0 to lr 0.001, got 1'],
    [{ betas: [0.9, 1] }, 'Expected betas to be two numbers from 0 up to, but less than, 1, got [ 0.9, 1 ]'],
    [{ lossScale: -1 }, 'Expected lossScale to be a number above 0, or dynamic, got -1'],
    [{ order: 'sorted' as 'random' }, 'Expected order to be random or sequential or shuffled, got `sorted`'],
    [{ weights: 'fixed' as 'static' }, 'Expected weights to be dynamic or static, got `fixed`'],
    [{ data: '' }, 'Expected data to be a name or path, got ``'],
    [
      { schedule: 'cosine', steps: 5, warmup: 5 },
      'Expected warmup to be fewer than the 5 steps of the schedule cosine, got 5',
    ],
  ];
  test.each(cases)('%o', (options, message) => {
    expect(() => resolve(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message }));
  });
});

describe('resuming', () => {
  const run = (options: PlainTrainOptions) =>
    savedTrainOptions(resolve({ ...options, seq: 128 }) as FilledTrainOptions);
  const saved = run({ batch: 3, lr: 5e-4, steps: 100, order: 'sequential' });

  test('takes the options of the run that is resumed', () => {
    const options = resolveTrainOptions({ resume: 'run' }, { resumed: saved });
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
    expect(resolveTrainOptions({ resume: 'run', steps: 200, pool: { workers: 3 } }, { resumed: saved })).toMatchObject({
      steps: 200,
      pool: { workers: 3 },
    });
  });

  test('refuses to lose the place in the data', () => {
    expect(() => resolveTrainOptions({ resume: 'run', batch: 4 }, { resumed: saved })).toThrow(
      'Expected batch to be 3 as in the run that is resumed, got 4',
    );
  });

  test('derives again what nobody gave', () => {
    expect(saved).not.toHaveProperty('minLr');
    const options = resolveTrainOptions({ resume: 'run', lr: 5e-5 }, { resumed: saved });
    expect(options).toMatchObject({ lr: 5e-5, minLr: 5e-6 });
    expect(options.origins).toMatchObject({ lr: 'given', minLr: 'derived', batch: 'resumed', out: 'derived' });
    const kept = resolveTrainOptions({ resume: 'run' }, { resumed: run({ minLr: 1e-5 }) });
    expect([kept.minLr, kept.origins.minLr]).toEqual([1e-5, 'resumed']);
  });
});
