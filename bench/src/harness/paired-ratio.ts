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

/**
 * The same by ranks: the Hodges-Lehmann estimate, and the interval of Wilcoxon's signed-rank test. A pair that the machine spoiled moves it no
 * more than any other. With fewer than six pairs the interval is empty of information.
 */
export function rankedRatio(pairs: readonly (readonly [first: number, second: number])[]): Paired {
  const logs = pairs.map(([first, second]) => Math.log(second / first));
  const count = logs.length;
  const means = logs.flatMap((one, at) => logs.slice(at).map((other) => (one + other) / 2)).sort((a, b) => a - b);
  const half = means.length >> 1;
  const middle = means.length % 2 === 1 ? means[half]! : (means[half - 1]! + means[half]!) / 2;
  const spread = Math.sqrt((count * (count + 1) * (2 * count + 1)) / 24);
  const outside = Math.max(0, Math.floor(means.length / 2 - 1.96 * spread) - 1);
  if (count < 6) return { ratio: Math.exp(middle), low: 0, high: Number.POSITIVE_INFINITY, pairs: count };
  const [low, high] = [means[outside]!, means[means.length - 1 - outside]!];
  return { ratio: Math.exp(middle), low: Math.exp(low), high: Math.exp(high), pairs: count };
}
