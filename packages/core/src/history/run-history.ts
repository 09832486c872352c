import { isRecord } from '../files/read-file.js';
import { type LogRecord, LogTail, numberOf } from './log-tail.js';
import { StepTable } from './step-table.js';
import { WorkerLives } from './worker-lives.js';

/** A record of a run beside its steps and workers, with its time in milliseconds since 1970. */
export interface Notice {
  readonly time: number;
  readonly record: LogRecord;
}

/** Memory at the time of a record `stats`, in bytes. */
export interface MemoryPoint {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Resident in the main process, the arena's used pages included. */
  readonly main: number;
  readonly arena: number;
  /** Resident in all workers. */
  readonly workers: number;
}

/** A record `energy`: means over some steps, null where the machine does not count. */
export interface EnergyPoint {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly joulesPerStep: number | null;
  /** Its parts: joules per step of each die. */
  readonly dies: readonly { readonly name: string; readonly joulesPerStep: number }[];
  /** Bytes per second between memory and chip. */
  readonly memory: number | null;
  /** The Neural Engine's share. */
  readonly ane: number | null;
}

/** Records that say little to people, or that are counted elsewhere. */
const silent: ReadonlySet<unknown> = new Set(['start', 'done']);

/** What the log of a run tells, kept in memory and brought up to date by `refresh`. */
export class RunHistory {
  readonly folder: string;
  readonly #tail: LogTail;
  #steps = new StepTable();
  #workers = new WorkerLives();
  #start: LogRecord | null = null;
  #done: LogRecord | null = null;
  #error: LogRecord | null = null;
  #sessions: number[] = [];
  #evaluations: LogRecord[] = [];
  #samples: LogRecord[] = [];
  #notices: Notice[] = [];
  #memory: MemoryPoint[] = [];
  #energy: EnergyPoint[] = [];
  #kernels: readonly LogRecord[] = [];
  #lastTime = Number.NaN;
  #rewinds = 0;
  #revision = 0;
  #events = 0;

  constructor(folder: string) {
    this.folder = folder;
    this.#tail = new LogTail(folder);
  }

  /** The latest record `start`: options, shape, machine. Null before the first. */
  get start(): LogRecord | null {
    return this.#start;
  }

  /** The record `done` of the latest session; null while it has none. */
  get done(): LogRecord | null {
    return this.#done;
  }

  /** The error that ended the latest session. */
  get error(): LogRecord | null {
    return this.#error;
  }

  /** When the run was started and resumed, in milliseconds since 1970. */
  get sessions(): readonly number[] {
    return this.#sessions;
  }

  get steps(): StepTable {
    return this.#steps;
  }

  get workers(): WorkerLives {
    return this.#workers;
  }

  get evaluations(): readonly LogRecord[] {
    return this.#evaluations;
  }

  get samples(): readonly LogRecord[] {
    return this.#samples;
  }

  /** All other records: checkpoints, changes of power, errors, warnings. */
  get notices(): readonly Notice[] {
    return this.#notices;
  }

  /** Memory over time, a point for each record `stats`. */
  get memory(): readonly MemoryPoint[] {
    return this.#memory;
  }

  /** Energy over time: a point for each record `energy`. */
  get energy(): readonly EnergyPoint[] {
    return this.#energy;
  }

  /** The kernels of the latest record `stats`, with the latencies of their evaluations in the latest session. */
  get kernels(): readonly LogRecord[] {
    return this.#kernels;
  }

  /** The time of the last record, in milliseconds since 1970; NaN before the first. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** How many times steps were dropped, because the run was resumed from before them or its log was begun anew. */
  get rewinds(): number {
    return this.#rewinds;
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Number of records read so far that are not steps. */
  get events(): number {
    return this.#events;
  }

  /** The lowest validation loss so far, in nats per token; null without validation. */
  get best(): number | null {
    const losses = this.#evaluations
      .map(({ cross_entropy }) => cross_entropy)
      .filter((loss) => typeof loss === 'number');
    return losses.length === 0 ? null : losses.reduce((least, loss) => Math.min(least, loss));
  }

  /** Reads the records that the log has gained. @returns Whether there were any. */
  async refresh(): Promise<boolean> {
    const isChanged = await this.#tail.read(
      (record) => this.#take(record),
      () => this.#restart(),
    );
    if (isChanged) this.#revision += 1;
    return isChanged;
  }

  #restart(): void {
    this.#steps = new StepTable();
    this.#workers = new WorkerLives();
    this.#start = this.#done = this.#error = null;
    this.#sessions = [];
    this.#evaluations = [];
    this.#samples = [];
    this.#notices = [];
    this.#memory = [];
    this.#energy = [];
    this.#kernels = [];
    this.#rewinds += 1;
  }

  #take(record: LogRecord): void {
    const time = Date.parse(String(record.time));
    if (Number.isNaN(time)) return;
    if (record.event !== 'step') this.#events += 1;
    switch (record.event) {
      case 'start':
        this.#begin(record, time);
        break;
      case 'step':
        if (!Number.isSafeInteger(record.step)) return;
        if (this.#steps.add(record)) this.#rewinds += 1;
        break;
      case 'evaluation':
        if (typeof record.step !== 'number' || typeof record.cross_entropy !== 'number') return;
        this.#evaluations.push(record);
        break;
      case 'sample':
        this.#samples.push(record);
        break;
      case 'stats':
        this.#takeStats(record, time);
        break;
      case 'energy':
        this.#energy.push({
          ...{ time, joulesPerStep: numberOf(record.joules_per_step), dies: diesOf(record) },
          ...{ memory: numberOf(record.memory_bytes_per_second), ane: numberOf(record.ane_bytes_per_second) },
        });
        break;
      case 'done':
        this.#done = record;
        this.#workers.end(time, 'closed');
        break;
      case 'error':
        this.#error = isRecord(record.error) ? record.error : record;
        break;
      default:
        this.#workers.take(record, time);
    }
    if (!silent.has(record.event) && isNotice(record)) this.#notices.push({ time, record });
    this.#lastTime = time;
  }

  #takeStats({ memory, workers, kernels }: LogRecord, time: number): void {
    const own = recordsIn(workers);
    this.#workers.count(own);
    this.#kernels = recordsIn(kernels);
    if (!isRecord(memory)) return;
    const resident = own.reduce((sum, { rss_bytes }) => sum + (Number(rss_bytes) || 0), 0);
    this.#memory.push({
      ...{ time, workers: resident },
      ...{ main: Number(memory.main_bytes), arena: Number(memory.arena_used_bytes) },
    });
  }

  #begin(record: LogRecord, time: number): void {
    this.#workers.begin(record, time, this.#lastTime);
    this.#start = record;
    this.#done = this.#error = null;
    this.#sessions.push(time);
    const first = Number(record.first_step ?? 1);
    if (this.#steps.dropFrom(first)) this.#rewinds += 1;
    const isKept = ({ step }: LogRecord) => Number(step) < first;
    this.#evaluations = this.#evaluations.filter(isKept);
    this.#samples = this.#samples.filter(isKept);
  }
}

/** Steps, evaluations, samples, moves and the ordinary events of workers have a place of their own. */
const shownElsewhere: ReadonlySet<unknown> = new Set([
  'step',
  'stats',
  'energy',
  'evaluation',
  'sample',
  'kernelMove',
  'workerStart',
  'workerReady',
  'workerServe',
  'workerRetire',
  'workerDrain',
]);

const isNotice = ({ event, expected }: LogRecord): boolean =>
  !shownElsewhere.has(event) && !(event === 'workerExit' && expected === true);

const diesOf = ({ dies, steps }: LogRecord): EnergyPoint['dies'] =>
  recordsIn(dies).map(({ name, joules }) => ({ name: String(name), joulesPerStep: Number(joules) / Number(steps) }));

const recordsIn = (value: unknown): LogRecord[] => (Array.isArray(value) ? value.filter(isRecord) : []);
