/** Evaluations before the baseline, and from one measurement to the next: caches and heaps fill first. */
export const MEASURE_EVERY = 1_000;
/** Evaluations over which growth is told from noise. */
const ENOUGH = 4_000;

/** How fast a process's memory grows with its evaluations. */
export class MemoryGrowth {
  #base: { readonly evaluations: number; readonly bytes: number } | null = null;

  /** Adds a measurement; gives the bytes of growth in 1,000 evaluations since the first thousand, 0 while that is not known. */
  record(evaluations: number, bytes: number): number {
    if (this.#base === null) {
      if (evaluations >= MEASURE_EVERY) this.#base = { evaluations, bytes };
      return 0;
    }
    const since = evaluations - this.#base.evaluations;
    return since < ENOUGH ? 0 : Math.max(0, (1000 * (bytes - this.#base.bytes)) / since);
  }
}
