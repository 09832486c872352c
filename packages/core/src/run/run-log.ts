import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../files/read-file.js';
import { type RunRecord, recordLine, toJsonLine } from './run-records.js';

export const logName = 'log.jsonl';

const STEP_BYTES = 300;
const MOST_STEPS = 100_000;

/**
 * The approximate size of the log of a run in bytes. At most 100,000 steps count: longer runs are usually stopped earlier, and lose only
 * records when the disk is full.
 */
export const logBytes = (steps: number): number => STEP_BYTES * Math.min(steps, MOST_STEPS);

/**
 * Appends records to a run's `log.jsonl`. If the log cannot be written, the run continues: one warning is emitted, records are dropped,
 * and the record `logGap` gives their number before the next one that can be written.
 */
export class RunLog {
  readonly #path: string;
  readonly #warn: (message: string) => void;
  #dropped = 0;

  constructor(folder: string, warn: (message: string) => void = (message) => process.emitWarning(message)) {
    this.#path = join(folder, logName);
    this.#warn = warn;
  }

  write(record: RunRecord): void {
    const { time, monotonicMs } = record;
    const gap = { event: 'logGap', records: this.#dropped, time, monotonicMs };
    try {
      this.#append(this.#dropped === 0 ? `${recordLine(record)}\n` : `${toJsonLine(gap)}\n${recordLine(record)}\n`);
      this.#dropped = 0;
    } catch (error) {
      if (this.#dropped === 0) {
        this.#warn(`${this.#path} cannot be written, the run goes on without: ${(error as Error).message}`);
      }
      this.#dropped += 1;
    }
  }

  /** Opened for each record: the file may be rotated, or removed with its folder and made again. */
  #append(lines: string): void {
    // With O_NONBLOCK, opening a pipe does not wait for a reader.
    const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
    const fd = openSync(this.#path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0o666);
    try {
      const bytes = Buffer.from(endsInLine(fd) ? `\n${lines}` : lines);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    } finally {
      closeSync(fd);
    }
  }
}

/** Whether the file ends within a line, because a writer was killed or the disk was full. */
function endsInLine(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}

/** The record in a line of a log, with the keys of the file; null where the line is incomplete or damaged. */
export function recordIn(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** The records in a run's folder, oldest first. Incomplete lines are left out. */
export const readRunLog = (folder: string): Readonly<Record<string, unknown>>[] =>
  readFileSync(join(folder, logName), 'utf8')
    .split('\n')
    .map(recordIn)
    .filter((record) => record !== null);
