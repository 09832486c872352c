import { gradientHistograms, ParameterLayout, presets, Tensor } from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';

const trained = new ParameterLayout(presets.tiny);
const arena = addon.createArena(4 * trained.count);
const gradients = new Tensor(arena, 0, 'fp32', [trained.count]);
const { offset, count } = trained.entries.find(({ name, layer }) => name === 'wq' && layer === 0)!;

const histogram = (values: readonly number[], scale: number) => {
  gradients.set(0);
  gradients.array().set(values, offset);
  return gradientHistograms({ gradients, trained, shards: null }, scale).find(
    ({ name, layer }) => name === 'wq' && layer === 0,
  )!;
};

test('a gradient is counted in buckets of an eighth of each power of two, unscaled', () => {
  const found = histogram([-3, 4, 4.4, 4.6, 1e-45, -0], 2);
  expect(found).toMatchObject({ count, notFinite: 0, min: -1.5, max: Math.fround(4.6) / 2 });
  expect(found.sum).toBeCloseTo(5, 6);
  expect(found.sumOfSquares).toBeCloseTo((9 + 16 + 4.4 ** 2 + 4.6 ** 2) / 4, 5);
  expect(found.buckets).toEqual([
    // −3 lies above −3.25, and at most at −3.
    { below: -1.5, count: 1 },
    { below: -(2 ** -129) / 2, count: 0 },
    { below: 0, count: 1 },
    { below: 2 ** -129 / 2, count: count - 5 },
    { below: 2, count: 0 },
    { below: 2.25, count: 2 },
    { below: 2.5, count: 1 },
  ]);
});

test('elements that are not finite are counted apart', () => {
  const found = histogram([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1], 1);
  expect(found).toMatchObject({ count: count - 3, notFinite: 3, min: 0, max: 1, sum: 1, sumOfSquares: 1 });
  expect(
    histogram(
      Array.from({ length: count }, () => Number.NaN),
      1,
    ),
  ).toMatchObject({
    ...{ count: 0, notFinite: count, min: 0, max: 0, sum: 0, sumOfSquares: 0, buckets: [] },
  });
});
