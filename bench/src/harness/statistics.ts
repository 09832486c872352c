/** The value below which a fraction of the sorted values lies. */
export const quantile = (sorted: ArrayLike<number>, fraction: number): number =>
  sorted[Math.min(Math.floor(sorted.length * fraction), sorted.length - 1)]!;

export const median = (values: readonly number[]): number => quantile(Float64Array.from(values).sort(), 0.5);

/** Field by field, the median over repetitions. */
export function medianOf<T extends Record<string, number>>(repetitions: readonly T[]): T {
  const fields = Object.keys(repetitions[0]!);
  return Object.fromEntries(
    fields.map((field) => [field, median(repetitions.map((repetition) => repetition[field]!))]),
  ) as T;
}
