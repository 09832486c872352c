import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';

/** Follows a run of training and tells somebody about it. */
export interface Reporter extends Disposable {
  /** Once, before the first step: from here on the trainer's events are followed. */
  start(trainer: Trainer): void;
  /**
   * Something that is no event of the trainer: a sample, a measurement between steps. Goes to the run's log, too.
   *
   * @param fields For programs.
   * @param text For people; may be several lines.
   */
  note(event: string, fields: Readonly<Record<string, unknown>>, text: string): void;
  /** Once, after the last step. */
  done(summary: TrainSummary): void;
  /** Gives the terminal back; also after an error. Idempotent. */
  [Symbol.dispose](): void;
}
