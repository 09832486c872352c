import type { LogRecord } from '../history/log-tail.js';

/** Writes a run's records for another program. */
export interface RecordSink extends Disposable {
  write(record: LogRecord): void;
  /** Writes to the file all that was collected. */
  flush(): void;
}
