import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';

/** Shows a training run as it goes. */
export interface Reporter extends Disposable {
  /** Call once, before the first step: from then on the reporter follows the trainer's events. */
  start(trainer: Trainer): void;
  /**
   * Shows and logs something that is not an event of the trainer: a sample, a measurement between steps.
   *
   * @param fields For programs: `--json` and `log.jsonl`.
   * @param text For people; may have several lines.
   */
  record(event: string, fields: Readonly<Record<string, unknown>>, text: string): void;
  /** Call once, after the last step. */
  done(summary: TrainSummary): void;
  /** Restores the terminal; call it after an error, too. Idempotent. */
  [Symbol.dispose](): void;
}
