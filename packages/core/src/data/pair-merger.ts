const NONE = -1;
/** Positions in a text are below this; with ranks below 2^21, both fit a double. */
const POSITIONS = 2 ** 32;

/** The pairs of symbols that merge. */
export interface Merges {
  /** The number of the merge of two neighbours; −1 where they do not merge. */
  find(left: number, right: number): number;
  /** By the merge's number: merges of the lowest rank come first. */
  readonly ranks: ArrayLike<number>;
  /** By the merge's number: the symbol that it makes. */
  readonly results: ArrayLike<number>;
}

/**
 * Greedy byte-pair merging: as long as two neighbours merge, the pair of the lowest rank is merged, the leftmost among equals.
 * O(n log n), with the same result as searching all pairs each time.
 */
export class PairMerger {
  readonly #merges: Merges;

  constructor(merges: Merges) {
    this.#merges = merges;
  }

  merge(ids: ArrayLike<number>): number[] {
    return ids.length <= SHORT ? this.#mergeShort(Array.from(ids)) : this.#mergeLong(ids);
  }

  /** Searching a short word costs less than a heap. */
  #mergeShort(symbols: number[]): number[] {
    const { ranks, results } = this.#merges;
    const found: number[] = [];
    for (let left = 0; left + 1 < symbols.length; left++)
      found.push(this.#merges.find(symbols[left]!, symbols[left + 1]!));
    for (;;) {
      let best = NONE;
      let rank = Number.POSITIVE_INFINITY;
      for (let left = 0; left < found.length; left++) {
        const merge = found[left]!;
        if (merge === NONE || ranks[merge]! >= rank) continue;
        best = left;
        rank = ranks[merge]!;
      }
      if (best === NONE) return symbols;
      symbols[best] = results[found[best]!]!;
      symbols.splice(best + 1, 1);
      found.splice(best, 1);
      if (best > 0) found[best - 1] = this.#merges.find(symbols[best - 1]!, symbols[best]!);
      if (best < found.length) found[best] = this.#merges.find(symbols[best]!, symbols[best + 1]!);
    }
  }

  #mergeLong(ids: ArrayLike<number>): number[] {
    const { ranks, results } = this.#merges;
    // A doubly linked list in arrays. A merged pair is kept at its left position.
    const symbols = Int32Array.from(ids);
    const next = Int32Array.from(ids, (_, index) => (index + 1 < ids.length ? index + 1 : NONE));
    const previous = Int32Array.from(ids, (_, index) => index - 1);
    /** By position: the merge with its right neighbour. */
    const found = new Int32Array(ids.length).fill(NONE);
    const heap = new MinHeap();
    const offer = (left: number) => {
      const right = next[left]!;
      const merge = right === NONE ? NONE : this.#merges.find(symbols[left]!, symbols[right]!);
      found[left] = merge;
      if (merge !== NONE) heap.push(ranks[merge]! * POSITIONS + left);
    };
    for (let left = 0; left + 1 < ids.length; left++) offer(left);

    for (let best = heap.pop(); best !== undefined; best = heap.pop()) {
      const left = best % POSITIONS;
      const merge = found[left]!;
      // An offer is stale if its position was merged into another or has another right neighbour now.
      if (merge === NONE || ranks[merge] !== Math.floor(best / POSITIONS)) continue;
      const right = next[left]!;
      symbols[left] = results[merge]!;
      symbols[right] = REMOVED;
      found[right] = NONE;
      next[left] = next[right]!;
      if (next[left] !== NONE) previous[next[left]!] = left;
      if (previous[left] !== NONE) offer(previous[left]!);
      offer(left);
    }
    return Array.from(symbols.filter((id) => id !== REMOVED));
  }
}

/** Up to this number of symbols, all pairs are searched for each merge. */
const SHORT = 24;
/** A position whose symbol was merged into another's; negative symbols above it are a caller's own. */
const REMOVED = -(2 ** 31);

/** A binary heap of numbers: the smallest comes out first. */
export class MinHeap {
  readonly #values: number[] = [];

  get size(): number {
    return this.#values.length;
  }

  push(value: number): void {
    const values = this.#values;
    let index = values.length;
    values.push(value);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (values[parent]! <= value) break;
      values[index] = values[parent]!;
      index = parent;
    }
    values[index] = value;
  }

  /** The smallest value, taken out; undefined when empty. */
  pop(): number | undefined {
    const values = this.#values;
    const smallest = values[0];
    const last = values.pop();
    if (last === undefined || values.length === 0) return smallest;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= values.length) break;
      if (child + 1 < values.length && values[child + 1]! < values[child]!) child++;
      if (values[child]! >= last) break;
      values[index] = values[child]!;
      index = child;
    }
    values[index] = last;
    return smallest;
  }
}
