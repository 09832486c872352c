/* What the decoder does in a step and the plan takes into account: which work is held back, and what is shared meanwhile. */

/** Surfaces per kind of block that the backward pass fills, where blocks share them: host threads read one while kernels fill the other. */
export const BACKWARD_RING = 2;

/** Rank in the queue of the weight gradients of a block that are held back: the next forward pass needs those of the lowest block first. */
export const blockRank = (index: number): number => 1 + index;

/** Rank of the tables' gradients, which the next pass needs last. */
export const TABLES_RANK = 2 ** 31 - 1;

/** Most bytes of gradients that ranks exchange at once. */
export const BUCKET_BYTES = 2 ** 25;
/** Of a small model, too, the first gradients leave while others are computed. */
const LEAST_BUCKETS = 8;

/** Bytes of gradients that ranks exchange at once, of so many in all. */
export const bucketBytes = (gradientBytes: number): number =>
  Math.min(BUCKET_BYTES, Math.ceil(gradientBytes / LEAST_BUCKETS));

/**
 * Whether the weight gradients of a pass are held back until the next pass needs the memory that they read. With recomputation memory is
 * scarce, and forward programs overwrite their outputs; passes in flight hide each other's gradients.
 */
export const holdsBack = ({
  passes,
  recompute = false,
  inFlight = 1,
}: {
  readonly passes: number;
  readonly recompute?: boolean;
  readonly inFlight?: number;
}): boolean => passes > 1 && !recompute && inFlight === 1;

/**
 * Sets of tensors that the tables' gradients are made of, which passes use in turn. On the host the loss makes the gradient of the classifier's
 * table, whose sums have one order.
 */
export const tableTurns = (by: { readonly onDevice: boolean; readonly holdsBack: boolean }): number =>
  by.onDevice && by.holdsBack ? 2 : 1;
