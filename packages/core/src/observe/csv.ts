import type { LogRecord } from '../history/log-tail.js';
import { RecordFile } from './record-file.js';
import type { RecordSink } from './record-sink.js';

const columns = [
  'step',
  'loss',
  'grad_norm',
  'lr',
  'ms',
  'tokens_per_second',
  'loss_scale',
  'skipped',
  'time',
] as const;

/** One row for each step, in RFC 4180's form; the last column is the loss on validation data, where it was measured after the step. */
export class CsvSink implements RecordSink {
  readonly #file: RecordFile;
  /** The row of the last step, whose evaluation may still come. */
  #row: string[] | null = null;
  #validation = '';

  constructor(path: string) {
    this.#file = new RecordFile(path, 'a table of steps');
    this.#file.write(`${[...columns, 'validation_loss'].join(',')}\r\n`);
  }

  write(record: LogRecord): void {
    if (record.event === 'evaluation') this.#validation = cell(record.cross_entropy);
    if (record.event !== 'step') return;
    this.#flush();
    this.#row = columns.map((column) => cell(record[column]));
  }

  [Symbol.dispose](): void {
    this.#flush();
    this.#file[Symbol.dispose]();
  }

  #flush(): void {
    if (this.#row !== null) this.#file.write(`${[...this.#row, this.#validation].join(',')}\r\n`);
    this.#row = null;
    this.#validation = '';
  }
}

/** Numbers, words and times: none has a comma or a quote. */
const cell = (value: unknown): string => (value === null || value === undefined ? '' : String(value));
