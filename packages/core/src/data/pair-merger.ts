const NONE = -1;
/** Positions in a text are below this; with ranks below 2^21, both fit a double. */
const POSITIONS = 2 ** 32;

/**
 * Greedy byte-pair merging: as long as two neighbours make a piece of the vocabulary, the pair with the best score is merged,
 * the leftmost among equals. O(n log n), with the same result as searching all pairs each time.
 */
export class PairMerger {
  readonly #pieces: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  /** Place of each piece when sorted by falling score; equal scores share one. */
  readonly #ranks: Uint32Array;

  constructor(pieces: readonly string[], scores: readonly number[], ids: ReadonlyMap<string, number>) {
    this.#pieces = pieces;
    this.#ids = ids;
    const falling = [...new Set(scores)].sort((a, b) => b - a);
    const rankOf = new Map(falling.map((score, rank) => [score, rank]));
    this.#ranks = Uint32Array.from(scores, (score) => rankOf.get(score)!);
  }

  merge(ids: readonly number[]): number[] {
    // A doubly linked list in arrays. A merged pair is kept at its left position.
    const symbols = Int32Array.from(ids);
    const next = Int32Array.from(ids, (_, index) => (index + 1 < ids.length ? index + 1 : NONE));
    const previous = Int32Array.from(ids, (_, index) => index - 1);
    const heap = new MinHeap();
    const offer = (left: number) => {
      const merged = this.#pair(symbols, next, left);
      if (merged !== NONE) heap.push(this.#ranks[merged]! * POSITIONS + left);
    };
    for (let left = 0; left + 1 < ids.length; left++) offer(left);

    for (let best = heap.pop(); best !== undefined; best = heap.pop()) {
      const left = best % POSITIONS;
      const merged = this.#pair(symbols, next, left);
      // An offer is stale if its position was merged into another or has another right neighbour now.
      if (merged === NONE || this.#ranks[merged] !== Math.floor(best / POSITIONS)) continue;
      const right = next[left]!;
      symbols[left] = merged;
      symbols[right] = NONE;
      next[left] = next[right]!;
      if (next[left] !== NONE) previous[next[left]!] = left;
      if (previous[left] !== NONE) offer(previous[left]!);
      offer(left);
    }
    return Array.from(symbols.filter((id) => id !== NONE));
  }

  /** The piece that the symbol at `left` and its right neighbour make. */
  #pair(symbols: Int32Array, next: Int32Array, left: number): number {
    const right = next[left]!;
    if (right === NONE || symbols[left] === NONE) return NONE;
    return this.#ids.get(this.#pieces[symbols[left]!]! + this.#pieces[symbols[right]!]!) ?? NONE;
  }
}

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
