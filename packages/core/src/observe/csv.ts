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
/** Means over the steps since the last row that has them, on a Mac that counts them. */
const energyColumns = ['joules_per_step', 'memory_bytes_per_second', 'ane_bytes_per_second'] as const;

/**
 * One row for each step, in RFC 4180's form. What was measured after a step stands in the last columns of its row: the loss on validation data,
 * energy and traffic of memory, and the joules of each die for a step.
 */
export class CsvSink implements RecordSink {
  readonly #file: RecordFile;
  /** The row of the last step, whose evaluation and energy may still come. */
  #row: string[] | null = null;
  #validation = '';
  #energy: readonly string[] = noEnergy;

  constructor(path: string) {
    this.#file = new RecordFile(path, 'a table of steps');
    this.#file.write(`${[...columns, 'validation_loss', ...energyColumns, 'die_joules_per_step'].join(',')}\r\n`);
  }

  write(record: LogRecord): void {
    if (record.event === 'evaluation') this.#validation = cell(record.cross_entropy);
    if (record.event === 'energy')
      this.#energy = [...energyColumns.map((column) => cell(record[column])), dies(record)];
    if (record.event !== 'step') return;
    this.#endRow();
    this.#row = columns.map((column) => cell(record[column]));
  }

  /** The last row waits for what may still be measured. */
  flush(): void {
    this.#file.flush();
  }

  [Symbol.dispose](): void {
    this.#endRow();
    this.#file[Symbol.dispose]();
  }

  #endRow(): void {
    if (this.#row !== null) this.#file.write(`${[...this.#row, this.#validation, ...this.#energy].join(',')}\r\n`);
    this.#row = null;
    this.#validation = '';
    this.#energy = noEnergy;
  }
}

const noEnergy: readonly string[] = Array.from([...energyColumns, 'dies'], () => '');

/** `ANE0_0=0.62 ANE0_1=0.61`: joules of each die for a step. */
const dies = ({ dies: each, steps }: LogRecord): string =>
  Array.isArray(each)
    ? each.map(({ name, joules }: LogRecord) => `${name}=${(joules as number) / (steps as number)}`).join(' ')
    : '';

/** Numbers, words and times: none has a comma or a quote. */
const cell = (value: unknown): string => (value === null || value === undefined ? '' : String(value));
