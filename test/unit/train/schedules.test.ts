import { learningRate, type Schedule } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const base: Schedule = { lr: 1e-3, warmup: 4, schedule: 'constant', minLr: 1e-4, steps: 24 };

describe('learningRate', () => {
  test('warms up linearly from lr / warmup to lr', () => {
    const rates = [1, 2, 3, 4].map((step) => learningRate(base, step));
    expect(rates).toEqual([0.25e-3, 0.5e-3, 0.75e-3, 1e-3]);
  });

  test('has no warm-up where none is asked for', () => {
    expect(learningRate({ ...base, warmup: 0 }, 1)).toBe(1e-3);
  });

  test('stays constant', () => {
    expect(learningRate(base, 5)).toBe(1e-3);
    expect(learningRate(base, 1000)).toBe(1e-3);
  });

  test('falls by half a cosine to minLr at the last step and stays there', () => {
    const cosine: Schedule = { ...base, schedule: 'cosine' };
    expect(learningRate(cosine, 4)).toBe(1e-3);
    expect(learningRate(cosine, 14)).toBeCloseTo((1e-3 + 1e-4) / 2, 12);
    expect(learningRate(cosine, 24)).toBe(1e-4);
    expect(learningRate(cosine, 30)).toBe(1e-4);
    for (let step = 5; step <= 24; step++) {
      expect(learningRate(cosine, step)).toBeLessThan(learningRate(cosine, step - 1));
    }
  });
});
