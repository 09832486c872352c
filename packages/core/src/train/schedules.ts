/** How the learning rate moves. Steps are optimizer steps: skipped ones do not count. */
export interface Schedule {
  /** Highest learning rate. */
  readonly lr: number;
  /** Optimizer steps of linear warm-up: step t of them runs at lr · t / warmup. */
  readonly warmup: number;
  /** Learning rate after the warm-up: constant `lr`, or half a cosine down to `minLr` at step `steps` (Loshchilov & Hutter 2017). */
  readonly schedule: 'constant' | 'cosine';
  readonly minLr: number;
  readonly steps: number;
}

/** Learning rate of optimizer step `step`, counted from 1. */
export function learningRate({ lr, warmup, schedule, minLr, steps }: Schedule, step: number): number {
  if (step <= warmup) return (lr * step) / warmup;
  if (schedule === 'constant') return lr;
  if (step >= steps) return minLr;
  const progress = (step - warmup) / (steps - warmup);
  return minLr + (lr - minLr) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
