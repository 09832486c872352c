import { type RunRecord, recordLine, runRecord, toJsonLine } from '../run/run-records.js';
import { describeRun } from '../train/run-description.js';
import type { TrainSummary } from '../train/train-summary.js';
import type { Trainer } from '../train/trainer.js';
import type { Reporter } from './reporter.js';
import type { Output } from './text.js';

export { toJsonLine };

/** Writes one JSON object per line: the records of the run's log. */
export class JsonLines implements Reporter {
  readonly #stream: Output;
  #trainer: Trainer | null = null;

  constructor(stream: Output) {
    this.#stream = stream;
  }

  start(trainer: Trainer): void {
    this.#trainer = trainer;
    this.#write(runRecord('start', describeRun(trainer)));
    trainer.on('record', (record) => this.#write(record));
  }

  record(event: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#trainer === null) this.#write(runRecord(event, fields));
    else this.#trainer.record(event, fields);
  }

  done(summary: TrainSummary): void {
    this.#trainer?.record('done', summary);
  }

  [Symbol.dispose](): void {}

  #write(record: RunRecord): void {
    this.#stream.write(`${recordLine(record)}\n`);
  }
}
