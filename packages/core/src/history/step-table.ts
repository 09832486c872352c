import type { LogRecord } from './log-tail.js';

/** The columns of a step table, by their names in the log; `time` is in milliseconds since 1970. Missing values are NaN. */
export const stepColumns = [
  'step',
  'time',
  'loss',
  'grad_norm',
  'lr',
  'ms',
  'tokens_per_second',
  'loss_scale',
  'skipped',
] as const;

export type StepColumn = (typeof stepColumns)[number];

const FIRST_CAPACITY = 1024;

/** The steps of a run in columns of numbers, in the order of their numbers. */
export class StepTable {
  #columns = newColumns(FIRST_CAPACITY);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A view of a column's values, valid until the next change. */
  column(name: StepColumn): Float64Array {
    return this.#columns[name].subarray(0, this.#count);
  }

  /**
   * Adds a step. One with the number of an earlier step replaces that and all after it: a run was resumed from before them.
   *
   * @returns Whether steps were dropped.
   */
  add(record: LogRecord): boolean {
    const dropped = this.dropFrom(Number(record.step));
    if (this.#count === this.#columns.step.length) this.#grow();
    for (const name of stepColumns) this.#columns[name][this.#count] = numberIn(name, record);
    this.#count += 1;
    return dropped;
  }

  /** Drops the steps from this number on, and returns whether there were any. */
  dropFrom(step: number): boolean {
    const before = this.#count;
    while (this.#count > 0 && this.#columns.step[this.#count - 1]! >= step) this.#count -= 1;
    return this.#count < before;
  }

  #grow(): void {
    const grown = newColumns(2 * this.#count);
    for (const name of stepColumns) grown[name].set(this.#columns[name]);
    this.#columns = grown;
  }
}

function newColumns(capacity: number): Record<StepColumn, Float64Array> {
  const columns = stepColumns.map((name) => [name, new Float64Array(capacity)]);
  return Object.fromEntries(columns) as Record<StepColumn, Float64Array>;
}

function numberIn(name: StepColumn, record: LogRecord): number {
  const value = record[name];
  if (name === 'time') return Date.parse(String(value));
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' ? value : Number.NaN;
}
