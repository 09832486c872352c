/**
 * How well a figure or rule is known: A by two independent measurements, or a decompilation and a measurement; B by one
 * project that shows how it measured; C claimed without a method, or contradicted elsewhere.
 */
export type Grade = 'A' | 'B' | 'C';

/** A number with its source. */
export interface Figure {
  readonly value: number;
  /** Keys of the sources: see `docs/internals/simulator.md`. */
  readonly source: string;
  readonly grade: Grade;
  /** Derived from others, or fitted: how. */
  readonly note?: string;
}
