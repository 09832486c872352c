import type { Merges } from './pair-merger.js';

/** Ids are below it, so that a pair is one whole number. */
const IDS = 2 ** 22;

/** The merges of a BPE model by the ids of their two sides: a hash table in two arrays, which is looked up once or more for each symbol. */
export class BpeMerges implements Merges {
  readonly ranks: Int32Array;
  readonly results: Int32Array;
  readonly #mask: number;
  readonly #keys: Float64Array;
  readonly #numbers: Int32Array;

  /**
   * @param merges Pairs of tokens, the first to be merged first. Pairs with a token that the vocabulary lacks never merge; of a pair that is
   * there twice the last counts.
   */
  constructor(merges: readonly (readonly [string, string])[], ids: ReadonlyMap<string, number>) {
    const size = 2 ** Math.ceil(Math.log2(4 * Math.max(1, merges.length)));
    this.ranks = new Int32Array(merges.length);
    this.results = new Int32Array(merges.length);
    this.#mask = size - 1;
    this.#keys = new Float64Array(size).fill(-1);
    this.#numbers = new Int32Array(size);
    for (const [number, [left, right]] of merges.entries()) {
      const [from, to, result] = [ids.get(left), ids.get(right), ids.get(left + right)];
      if (from === undefined || to === undefined || result === undefined) continue;
      const slot = this.#slot(from, to);
      this.#keys[slot] = from * IDS + to;
      this.#numbers[slot] = number;
      this.ranks[number] = number;
      this.results[number] = result;
    }
  }

  find(left: number, right: number): number {
    if (left < 0 || right < 0) return -1;
    const slot = this.#slot(left, right);
    return this.#keys[slot] === -1 ? -1 : this.#numbers[slot]!;
  }

  /** Where a pair is, or would be. */
  #slot(left: number, right: number): number {
    const key = left * IDS + right;
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask;
    return slot;
  }
}
