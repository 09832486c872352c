import { shareProducts, weightGradient } from '@mayfly/core/testing';
import type { OuterProduct } from '@mayfly/native';
import { expect, test } from 'vitest';

const product = (m: number, n: number, c: number) =>
  weightGradient(
    { offset: 0, stride: 40, rows: m, columns: 40 },
    { offset: 9, stride: 40, rows: n, columns: 40 },
    { gradient: c, overwrite: true, precision: 'exact' },
  );

/** Every row of every result, as the place where it is written and the row of dY that it comes from. */
const rowsOf = (products: readonly OuterProduct[]): string[] =>
  products.flatMap(({ a, aStride, c, m, n }) =>
    Array.from({ length: m }, (_, row) => `${c + 4 * row * n} from ${a + 2 * row * aStride}`),
  );

const work = (products: readonly OuterProduct[]): number => products.reduce((sum, { m, n, k }) => sum + m * n * k, 0);

test.each([1, 2, 3, 8])('%i shares hold every row once, in order', (count) => {
  const products = [product(288, 768, 0), product(100, 5, 1_000_000), product(960, 288, 2_000_000)];
  const shares = shareProducts(products, count);
  expect(shares.length).toBeLessThanOrEqual(count);
  expect(rowsOf(shares.flat())).toEqual(rowsOf(products));
});

test('shares are about equally large', () => {
  const shares = shareProducts([product(768, 288, 0), product(768, 288, 1), product(288, 768, 2)], 2).map(work);
  expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.2);
});

test('what is too small to share stays whole', () => {
  expect(shareProducts([product(8, 8, 0)], 4)).toEqual([[product(8, 8, 0)]]);
});
