/** Optimizer steps without overflow after which a dynamic scale doubles. */
const GROWTH_INTERVAL = 2000;
const INITIAL_SCALE = 2 ** 14;
const LOWEST_SCALE = 1;
const LARGEST_SCALE = 2 ** 24;

/** The state of the scaler that a checkpoint stores. */
export interface LossScalerState {
  readonly scale: number;
  /** Whether it was a dynamic one, which a dynamic one goes on from. Absent in checkpoints of format version 1. */
  readonly dynamic?: boolean;
  /** Steps since the scale last changed. */
  readonly goodSteps: number;
  /** Steps skipped since the beginning of the run. */
  readonly skipped: number;
}

/**
 * Loss scaling for fp16 gradients (Micikevicius et al. 2018). The loss is multiplied by `scale`, so that small gradients
 * do not underflow in fp16; the optimizer divides by it. A step whose loss or gradients are not finite is skipped and counted.
 */
export class LossScaler {
  readonly #dynamic: boolean;
  #scale: number;
  #goodSteps: number;
  #skipped: number;

  /** @param setting A constant scale, or `dynamic`: halved after an overflow, doubled after 2000 steps without one. */
  constructor(setting: number | 'dynamic', state?: LossScalerState) {
    this.#dynamic = setting === 'dynamic';
    const before = state?.dynamic === false ? undefined : state?.scale;
    this.#scale = setting === 'dynamic' ? Math.min(before ?? INITIAL_SCALE, LARGEST_SCALE) : setting;
    this.#goodSteps = state?.goodSteps ?? 0;
    this.#skipped = state?.skipped ?? 0;
  }

  get scale(): number {
    return this.#scale;
  }

  /** Whether an overflow will lower the scale, so that the next step may do better. */
  get canFall(): boolean {
    return this.#dynamic && this.#scale > LOWEST_SCALE;
  }

  get skipped(): number {
    return this.#skipped;
  }

  get state(): LossScalerState {
    return { scale: this.#scale, dynamic: this.#dynamic, goodSteps: this.#goodSteps, skipped: this.#skipped };
  }

  /** Takes whether loss and gradients of a step were finite; answers whether the optimizer may use them. */
  accept(finite: boolean): boolean {
    this.#goodSteps = finite ? this.#goodSteps + 1 : 0;
    if (!finite) this.#skipped += 1;
    if (this.#dynamic && !finite) this.#scale = Math.max(LOWEST_SCALE, this.#scale / 2);
    if (this.#dynamic && this.#goodSteps === GROWTH_INTERVAL) {
      this.#scale = Math.min(LARGEST_SCALE, this.#scale * 2);
      this.#goodSteps = 0;
    }
    return finite;
  }
}
