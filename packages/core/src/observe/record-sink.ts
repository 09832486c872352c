import type { LogRecord } from '../history/log-tail.js';
import { readRunLog } from '../run/run-log.js';
import { recordFields } from '../run/run-records.js';
import type { Trainer } from '../train/trainer.js';

/** Writes a run's records for another program. */
export interface RecordSink extends Disposable {
  write(record: LogRecord): void;
}

/** Gives a sink the records of a run from its first step on, those before it was resumed among them. */
export function follow(trainer: Trainer, sink: RecordSink): void {
  const { out } = trainer.options;
  const isBefore = ({ step = 0 }: LogRecord) => (step as number) <= trainer.step;
  if (out !== undefined && trainer.step > 0) for (const record of readRunLog(out).filter(isBefore)) sink.write(record);
  trainer.on('record', (record) => sink.write(recordFields(record)));
}
