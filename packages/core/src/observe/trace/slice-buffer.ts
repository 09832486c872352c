import type { SliceFields, SliceLabel } from './slice.js';

/** Slices of some ten small steps. */
const CAPACITY = 4096;
/** Numbers of a slice: beginning, end, its kind's two, the arrow's. */
const STRIDE = 5;

/** Slices that have ended and are not written yet. They are kept as numbers in memory that is reused, so that adding one costs next to nothing. */
export class SliceBuffer {
  readonly #labels: SliceLabel[] = [];
  readonly #numbers = new Float64Array(STRIDE * CAPACITY);
  /** Of the few slices that have any, by place. */
  readonly #fields = new Map<number, SliceFields>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === CAPACITY;
  }

  /** There has to be room. Times are milliseconds of `performance.now()`. */
  add(label: SliceLabel, beganMs: number, endedMs: number, first: number, second: number, flow: number): void {
    const at = STRIDE * this.#count;
    const numbers = this.#numbers;
    numbers[at] = beganMs;
    numbers[at + 1] = endedMs;
    numbers[at + 2] = first;
    numbers[at + 3] = second;
    numbers[at + 4] = flow;
    this.#labels[this.#count] = label;
    this.#count += 1;
  }

  /** Gives fields to the slice that was added last, beside those of its kind. */
  describe(fields: SliceFields): void {
    this.#fields.set(this.#count - 1, fields);
  }

  label(index: number): SliceLabel {
    return this.#labels[index]!;
  }

  beganMs(index: number): number {
    return this.#numbers[STRIDE * index]!;
  }

  endedMs(index: number): number {
    return this.#numbers[STRIDE * index + 1]!;
  }

  /** @param which Of the names in the slice's kind, from 0. */
  number(index: number, which: number): number {
    return this.#numbers[STRIDE * index + 2 + which]!;
  }

  flow(index: number): number {
    return this.#numbers[STRIDE * index + 4]!;
  }

  fields(index: number): SliceFields | undefined {
    return this.#fields.get(index);
  }

  clear(): void {
    // Labels stay: there are few, and the next slices replace them.
    this.#count = 0;
    this.#fields.clear();
  }
}
