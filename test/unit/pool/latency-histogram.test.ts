import { LatencyHistogram } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const recorded = (values: readonly number[]): LatencyHistogram => {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
};

test('one value of any size is known to 0.4 %, its longest exactly', () => {
  // Beside each power of two, where buckets change their width, from a nanosecond to an hour.
  for (let exponent = 0; exponent < 42; exponent++) {
    for (const value of [2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1, Math.round(1.37 * 2 ** exponent)]) {
      const histogram = recorded([value, 2 * value]);
      expect(Math.abs(histogram.quantile(0.5) - value)).toBeLessThanOrEqual(0.004 * value);
      expect(histogram.quantile(1)).toBeGreaterThanOrEqual(1.99 * value);
      expect(histogram.max).toBe(2 * value);
    }
  }
});

test('quantiles are those of the sorted values', () => {
  const values = Array.from({ length: 10_007 }, (_, index) => Math.round(500 * 1.002 ** ((index * 7919) % 10_007)));
  const histogram = recorded(values);
  const sorted = values.toSorted((a, b) => a - b);
  for (const share of [0.001, 0.25, 0.5, 0.9, 0.99, 0.9999]) {
    const exact = sorted[Math.ceil(share * sorted.length) - 1]!;
    expect(Math.abs(histogram.quantile(share) / exact - 1)).toBeLessThan(0.004);
  }
  const mean = values.reduce((sum, value) => sum + value) / values.length;
  const { count, meanUs, maxUs } = histogram.summary();
  expect([count, meanUs, maxUs]).toEqual([values.length, expect.closeTo(mean / 1000, 6), sorted.at(-1)! / 1000]);
});

test('none, nothing, and more than there are buckets for', () => {
  expect(recorded([]).summary()).toEqual({
    ...{ count: 0, meanUs: 0, p50Us: 0, p99Us: 0, maxUs: 0 },
    buckets: [],
  });
  expect(recorded([0, 0.4]).quantile(1)).toBe(0);
  expect(recorded([1e15]).summary()).toMatchObject({ count: 1, maxUs: 1e12 });
});

test('buckets are powers of two', () => {
  expect(recorded([0, 1, 2, 3, 127, 128, 255, 256, 1000, 1024, 5e9]).summary().buckets).toEqual([
    { belowUs: 0.001, count: 1 },
    { belowUs: 0.002, count: 1 },
    { belowUs: 0.004, count: 2 },
    { belowUs: 0.128, count: 1 },
    { belowUs: 0.256, count: 2 },
    { belowUs: 0.512, count: 1 },
    { belowUs: 1.024, count: 1 },
    { belowUs: 2.048, count: 1 },
    { belowUs: 2 ** 33 / 1000, count: 1 },
  ]);
});
