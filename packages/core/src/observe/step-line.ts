import type { StepRecord } from '../train/train-step.js';
import { formatCount, formatSmall } from './format.js';

/** `step  120/2,000  loss 2.3142  grad 0.812  lr 1.00e-3  41.2 ms  24,852 tokens/s`. */
export function stepLine(
  { step, loss, gradNorm, lr, ms, tokensPerSecond, skipped }: StepRecord,
  steps: number,
): string {
  const last = formatCount(steps);
  const gradient = skipped ? 'overflowed, step skipped' : `grad ${gradNorm.toFixed(3)}`;
  return [
    `step ${formatCount(step).padStart(last.length)}/${last}`,
    `loss ${loss.toFixed(4)}`,
    gradient,
    `lr ${formatSmall(lr)}`,
    `${ms.toFixed(1)} ms`,
    `${formatCount(tokensPerSecond)} tokens/s`,
  ].join('  ');
}
