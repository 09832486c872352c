import { MayflyError } from '@mayfly/native';
import type { StepRecord } from './train-step.js';

/**
 * Distinguishes a diverged run from one whose loss scale is still settling. A step counts against the run when its loss is not
 * finite, which no loss scale changes, or when its gradients are not and the scale is constant or at its lowest.
 */
export class Divergence {
  readonly #limit: number;
  /** First of the skipped steps in a row that the last step belongs to; null after an update. */
  #since: number | null = null;
  #counted = 0;
  #hasUpdated = false;
  #lossIsFinite = true;

  /** @param limit Steps in a row that may count. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the last loss was finite: parameters that give another are not worth keeping. */
  get lossIsFinite(): boolean {
    return this.#lossIsFinite;
  }

  /** True when as many steps in a row have counted against the run as the limit allows. */
  get isOver(): boolean {
    return this.#counted >= this.#limit;
  }

  /** True if a run that ends now has failed: its last loss is not finite, or no step made an update. */
  get hasFailed(): boolean {
    return !this.#lossIsFinite || (this.#counted > 0 && !this.#hasUpdated);
  }

  /** @param scaleCanFall Whether a dynamic loss scale was above its lowest in this step. */
  observe({ step, loss, skipped }: StepRecord, scaleCanFall: boolean): void {
    this.#lossIsFinite = Number.isFinite(loss);
    if (!skipped) {
      this.#hasUpdated = true;
      this.#since = null;
      this.#counted = 0;
      return;
    }
    this.#since ??= step;
    if (!this.#lossIsFinite || !scaleCanFall) this.#counted += 1;
  }

  /**
   * @param cause In one phrase, where the loss is not finite.
   * @param back From where to go on, as the beginning of a sentence that says with what.
   */
  error({ step, lossScale }: StepRecord, cause: string, back: string): MayflyError {
    const since = this.#since === step ? `at step ${step}` : `from step ${this.#since} to ${step}`;
    const [what, remedy] = this.#lossIsFinite
      ? [`gradients overflowed at loss scale ${lossScale}`, 'a lower loss scale, or `dynamic`']
      : [`the loss was not finite: ${cause}`, 'a lower learning rate, a longer warm-up or tighter clipping'];
    return new MayflyError('ERR_DIVERGED', `training diverged: ${since} ${what}. ${back} with ${remedy}`);
  }
}
