/** Optimizer steps without overflow after which a dynamic scale doubles. */
const GROWTH_INTERVAL = 2000;
const INITIAL_SCALE = 2 ** 14;
const LARGEST_SCALE = 2 ** 24;

/** What a checkpoint keeps of the scaler. */
export interface LossScalerState {
  readonly scale: number;
  /** Steps since the scale last changed. */
  readonly goodSteps: number;
  /** Steps skipped since the beginning of the run. */
  readonly skipped: number;
}

/**
 * Loss scaling for fp16 gradients (Micikevicius et al. 2018). The loss is multiplied by `scale`, so that small gradients
 * survive fp16; the optimizer divides it out. A step whose gradients overflowed is skipped and counted.
 */
export class LossScaler {
  readonly #dynamic: boolean;
  #scale: number;
  #goodSteps: number;
  #skipped: number;

  /** @param setting A constant scale, or `dynamic`: halved after an overflow, doubled after 2000 steps without one. */
  constructor(setting: number | 'dynamic', state?: LossScalerState) {
    this.#dynamic = setting === 'dynamic';
    this.#scale = setting === 'dynamic' ? (state?.scale ?? INITIAL_SCALE) : setting;
    this.#goodSteps = state?.goodSteps ?? 0;
    this.#skipped = state?.skipped ?? 0;
  }

  get scale(): number {
    return this.#scale;
  }

  get skipped(): number {
    return this.#skipped;
  }

  get state(): LossScalerState {
    return { scale: this.#scale, goodSteps: this.#goodSteps, skipped: this.#skipped };
  }

  /** Tells whether the gradients of a step were finite; answers whether the optimizer may use them. */
  accept(finite: boolean): boolean {
    this.#goodSteps = finite ? this.#goodSteps + 1 : 0;
    if (!finite) this.#skipped += 1;
    if (this.#dynamic && !finite) this.#scale = Math.max(1, this.#scale / 2);
    if (this.#dynamic && this.#goodSteps === GROWTH_INTERVAL) {
      this.#scale = Math.min(LARGEST_SCALE, this.#scale * 2);
      this.#goodSteps = 0;
    }
    return finite;
  }
}
