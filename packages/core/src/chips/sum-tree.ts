/* The binary tree by which the gradients of a step's passes are summed, over the index of a pass. */

/** The number of partial sums of the pairs before this pass: the number of ones in the binary index of its pair. */
export function blockOf(index: number): number {
  let ones = 0;
  for (let pairs = index >> 1; pairs > 0; pairs >>= 1) ones += pairs & 1;
  return ones;
}

/** Sums that are complete once pass `index` of `passes` is; after the last pass all blocks become one. */
export function mergesAfter(index: number, passes: number): number {
  if (index === passes - 1) return blockOf(index);
  let merges = 0;
  if (index % 2 === 1) for (let pair = index >> 1; pair % 2 === 1; pair >>= 1) merges++;
  return merges;
}

/** The pass whose sum of a table must be complete before pass `index` begins its own there, of those that may be in flight; −1 where there is none. */
export function lastTableUser(index: number, passes: number, inFlight: number): number {
  if (index % 2 === 1) return -1;
  const block = blockOf(index);
  for (let before = index - 1; before > index - inFlight && before >= 0; before--) {
    const top = blockOf(before);
    if (block <= top && block >= top - mergesAfter(before, passes)) return before;
  }
  return -1;
}
