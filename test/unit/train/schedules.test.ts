import { learningRate, type Schedule } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const base: Schedule = { lr: 1e-3, warmup: 4, schedule: 'constant', decayShare: 0.2, minLr: 1e-4, steps: 24 };

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

  test('falls in a line to minLr at the last step', () => {
    const linear: Schedule = { ...base, schedule: 'linear' };
    expect(learningRate(linear, 9)).toBeCloseTo(1e-3 - 0.25 * 9e-4, 12);
    expect(learningRate(linear, 24)).toBe(1e-4);
    expect(learningRate(linear, 30)).toBe(1e-4);
  });

  test('stays, then falls in a line over the last share of the steps', () => {
    const wsd: Schedule = { ...base, schedule: 'wsd', decayShare: 0.5 };
    const rates = [2, 4, 5, 12, 18, 24, 25].map((step) => learningRate(wsd, step));
    expect(rates.slice(0, 4)).toEqual([0.5e-3, 1e-3, 1e-3, 1e-3]);
    expect(rates[4]).toBeCloseTo(5.5e-4, 12);
    expect(rates.slice(5)).toEqual([1e-4, 1e-4]);
    // A decay that would begin within the warm-up begins after it.
    expect(learningRate({ ...wsd, decayShare: 1 }, 4)).toBe(1e-3);
    expect(learningRate({ ...wsd, decayShare: 1 }, 14)).toBeCloseTo(5.5e-4, 12);
  });
});
