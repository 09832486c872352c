import type { LogRecord } from '../history/log-tail.js';
import { readRunLog } from '../run/run-log.js';
import { type RunRecord, recordFields } from '../run/run-records.js';
import type { Trainer } from '../train/trainer.js';
import type { RecordSink } from './record-sink.js';

const BATCH_MS = 1000;

/**
 * Hands a sink its records, those of steps about once a second: one at a time they take several times as long, between two steps. It is
 * disposed of where the process exits.
 */
export class RecordBatches implements Disposable {
  readonly #sink: RecordSink;
  #records: RunRecord[] = [];
  #handedAt = performance.now();

  constructor(sink: RecordSink) {
    this.#sink = sink;
    process.on('exit', this.#disposeAtExit);
  }

  /** Adds the records of a run from its first step on, those before it was resumed among them. */
  follow(trainer: Trainer): void {
    const { out } = trainer.options;
    const isBefore = ({ step = 0 }: LogRecord) => (step as number) <= trainer.step;
    const earlier = out !== undefined && trainer.step > 0 ? readRunLog(out).filter(isBefore) : [];
    for (const record of earlier) this.#sink.write(record);
    trainer.on('record', (record) => this.add(record));
  }

  add(record: RunRecord): void {
    this.#records.push(record);
    // Others are rare, and whoever looks at the file waits for them.
    if (record.event !== 'step' || performance.now() - this.#handedAt >= BATCH_MS) this.#hand();
  }

  /** Hands over the rest, and disposes of the sink. Idempotent. */
  [Symbol.dispose](): void {
    process.off('exit', this.#disposeAtExit);
    this.#hand();
    this.#sink[Symbol.dispose]();
  }

  #hand(): void {
    for (const record of this.#records) this.#sink.write(recordFields(record));
    this.#records = [];
    this.#handedAt = performance.now();
    this.#sink.flush();
  }

  readonly #disposeAtExit = (): void => this[Symbol.dispose]();
}
