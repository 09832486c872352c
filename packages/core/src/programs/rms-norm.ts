import type { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';

/** The least that a column is divided by: zeros must not be, and the inverse must be well within fp16. */
const SMALLEST = 2 ** -12;

/** The factor of RMSNorm (Zhang & Sennrich 2019) over an axis of x: 1/√(mean x² + eps), of size 1 along the axis. */
export function inverseRms(b: MilBuilder, x: MilValue, axis: number, eps: number): MilValue {
  // fp16 ends at 65504 and loses digits below 2^-14: squares of a residual stream leave it on both sides. With m the largest
  // magnitude of a column and y = x/m, the same norm is x/m·rsqrt(mean y² + eps/m²), where Σ y² lies between 1 and the size.
  const largest = b.reduceMax(b.maximum(x, b.mul(x, -1)), [axis]);
  const inverse = b.pow(b.maximum(largest, SMALLEST), -1);
  const y = b.mul(x, inverse);
  const meanSquare = b.mul(b.reduceSum(b.mul(y, y), [axis]), 1 / x.shape[axis]!);
  const rootEps = b.mul(inverse, Math.sqrt(eps));
  const scale = b.pow(b.add(meanSquare, b.mul(rootEps, rootEps)), -0.5);
  return b.mul(inverse, scale);
}

/** RMSNorm over the channels of x [1, dim, 1, columns]: x/√(mean x² + eps)·weight [1, dim, 1, 1]. */
export const normalize = (b: MilBuilder, x: MilValue, weight: MilValue, eps: number): MilValue =>
  b.mul(b.mul(x, inverseRms(b, x, 1, eps)), weight);
