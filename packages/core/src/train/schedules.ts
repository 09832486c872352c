/** The courses that a learning rate can take after the warm-up. */
export const scheduleNames = ['constant', 'cosine', 'linear', 'wsd'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/** Upper bound of options that count steps. Larger values are input errors. */
export const MOST_STEPS = 1e12;

/** How the learning rate moves. Steps are optimizer steps: skipped ones do not count. */
export interface Schedule {
  /** Highest learning rate. */
  readonly lr: number;
  /** Optimizer steps of linear warm-up: step t of them runs at lr · t / warmup. */
  readonly warmup: number;
  /**
   * Learning rate after the warm-up: constant `lr`; half a cosine (Loshchilov & Hutter 2017) or a line down to `minLr` at step `steps`; or
   * `lr`, and then a line to `minLr` over the last `decayShare` of `steps` (warm-up, stable, decay: Hu et al. 2024, Hägele et al. 2024).
   */
  readonly schedule: ScheduleName;
  readonly decayShare: number;
  readonly minLr: number;
  readonly steps: number;
}

/** Learning rate of optimizer step `step`, counted from 1. */
export function learningRate(options: Schedule, step: number): number {
  const { lr, warmup, schedule, decayShare, minLr, steps } = options;
  if (step <= warmup) return (lr * step) / warmup;
  if (schedule === 'constant') return lr;
  if (step >= steps) return minLr;
  const start = schedule === 'wsd' ? Math.max(warmup, Math.round(steps * (1 - decayShare))) : warmup;
  const progress = Math.max(0, (step - start) / (steps - start));
  const height = schedule === 'cosine' ? 0.5 * (1 + Math.cos(Math.PI * progress)) : 1 - progress;
  return minLr + (lr - minLr) * height;
}
