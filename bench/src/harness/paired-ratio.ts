/** The quotient of two quantities that were measured in pairs, and the interval that holds the true one with a confidence of 95 %. */
export interface Paired {
  /** Geometric mean of the pairs' quotients. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/** 97.5 % points of Student's distribution, by degrees of freedom from 1 on; above, that of the last. */
const student = [
  ...[12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228],
  ...[2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086],
] as const;

/** Second by first, from pairs of neighbours. With a single pair the interval is empty of information: 0 to Infinity. */
export function pairedRatio(pairs: readonly (readonly [first: number, second: number])[]): Paired {
  const logs = pairs.map(([first, second]) => Math.log(second / first));
  const count = logs.length;
  const mean = logs.reduce((sum, each) => sum + each, 0) / count;
  if (count < 2) return { ratio: Math.exp(mean), low: 0, high: Number.POSITIVE_INFINITY, pairs: count };
  const variance = logs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (count - 1);
  const reach = student[Math.min(count - 1, student.length) - 1]! * Math.sqrt(variance / count);
  return { ratio: Math.exp(mean), low: Math.exp(mean - reach), high: Math.exp(mean + reach), pairs: count };
}
