import type { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';

/** A range of the channels that a product sums over. */
export interface ContractionPart {
  readonly first: number;
  readonly count: number;
}

/**
 * W·x as a sum of products over parts of the contraction, as many as the form says and as equal as whole channels allow.
 *
 * @param x [1, channels, 1, columns].
 * @param product W·x over one part, of which it is given the channels of x.
 */
export function contract(
  b: MilBuilder,
  x: MilValue,
  { split = 1 }: { readonly split?: number | undefined },
  product: (x: MilValue, part: ContractionPart | null) => MilValue,
): MilValue {
  const [, channels, , columns] = x.shape as [number, number, number, number];
  const most = Math.ceil(channels / split);
  if (most === channels) return product(x, null);
  const products: MilValue[] = [];
  for (let first = 0; first < channels; first += most) {
    const count = Math.min(most, channels - first);
    products.push(product(b.sliceBySize(x, [0, first, 0, 0], [1, count, 1, columns]), { first, count }));
  }
  return products.reduce((sum, each) => b.add(sum, each));
}
