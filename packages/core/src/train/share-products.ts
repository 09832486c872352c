import type { OuterProduct } from '@mayfly/native';

/** Rows of a product are cut at multiples of it, which are whole tiles of the matrix product on every instruction set. */
const ROW_MULTIPLE = 96;

/** Cuts products, row by row, into at most `count` lists of about the same work. Their results are the same bit for bit. */
export function shareProducts(products: readonly OuterProduct[], count: number): OuterProduct[][] {
  const total = products.reduce((sum, { m, n, k }) => sum + m * n * k, 0);
  const shares: OuterProduct[][] = [];
  let share: OuterProduct[] = [];
  let done = 0;
  for (const product of products) {
    const { m, n, k } = product;
    for (let row = 0; row < m; ) {
      const wanted = (total * (shares.length + 1)) / count - done;
      const rows = Math.min(m - row, Math.max(1, Math.round(wanted / (n * k) / ROW_MULTIPLE)) * ROW_MULTIPLE);
      share.push(rowsOf(product, row, rows));
      row += rows;
      done += rows * n * k;
      if (done < (total * (shares.length + 1)) / count) continue;
      shares.push(share);
      share = [];
    }
  }
  return share.length > 0 ? [...shares, share] : shares;
}

function rowsOf(product: OuterProduct, row: number, rows: number): OuterProduct {
  const { a, aType, aStride, c, n } = product;
  return { ...product, a: a + row * aStride * (aType === 'fp16' ? 2 : 4), c: c + 4 * row * n, m: rows };
}
