import { isRecord } from '../files/read-file.js';
import { type LogRecord, numberOf, textOf } from './log-tail.js';

/** The life of one worker process, from the records of a log. Times are milliseconds since 1970, null where it did not come to that. */
export interface WorkerLife {
  /** Number of the session that started it, from 0: each start or resume of a run numbers its workers from 1. */
  readonly session: number;
  readonly worker: number;
  readonly pid: number;
  readonly start: number;
  ready: number | null;
  /** When it began to take kernels: until then it is a standby. */
  serving: number | null;
  retire: number | null;
  exit: number | null;
  /** Why it retired, or what is known of its death. */
  reason: string | null;
  /** `retired`, `closed` with the run's end, or `died`; `lost` where the log ends before; null while it lives. */
  end: 'retired' | 'closed' | 'died' | 'lost' | null;
  exitCode: number | null;
  signal: string | null;
  compilations: number | null;
  evaluations: number | null;
  /** Compilations after which it retires; null without such a limit. */
  budget: number | null;
}

/** A kernel's move from one worker to another. `from` is null for a kernel whose worker has died, or that had none. */
export interface KernelMove {
  readonly session: number;
  readonly kernel: string;
  readonly from: number | null;
  readonly to: number;
  readonly reason: string;
  readonly time: number;
}

/** The lives of a run's workers. */
export class WorkerLives {
  readonly lives: WorkerLife[] = [];
  readonly moves: KernelMove[] = [];
  /** Lives of the present session that have not ended, by worker. */
  readonly #open = new Map<number, WorkerLife>();
  #session = -1;
  #budget: number | null = null;

  /** Begins a session with the workers of its record `start`. */
  begin(record: LogRecord, time: number, lastTime: number): void {
    this.end(lastTime);
    this.#session += 1;
    const workers = Array.isArray(record.workers) ? record.workers.filter(isRecord) : [];
    for (const worker of workers) {
      const born = time - (numberOf(worker.age_ms) ?? 0);
      if (isRecord(worker.budget)) this.#budget = numberOf(worker.budget.compilations);
      const life = this.#add(worker.id, worker.pid, born);
      life.ready = worker.state === 'starting' ? null : born;
      life.serving = (numberOf(worker.kernels) ?? 0) > 0 ? born : null;
      life.compilations = numberOf(worker.compilations);
      life.evaluations = numberOf(worker.evaluations);
    }
  }

  /** Takes an event of a worker or a kernel, and returns whether it was one. */
  take(record: LogRecord, time: number): boolean {
    if (record.event === 'workerStart') {
      if (isRecord(record.budget)) this.#budget = numberOf(record.budget.compilations);
      this.#add(record.worker, record.pid, time);
      return true;
    }
    if (record.event === 'kernelMove') {
      this.#move(record, time);
      return true;
    }
    const life = this.#open.get(Number(record.worker));
    if (life === undefined) return false;
    switch (record.event) {
      case 'workerReady':
        life.ready = time;
        return true;
      case 'workerServe':
        life.serving ??= time;
        return true;
      case 'workerRetire':
        Object.assign(life, { retire: time, reason: textOf(record.reason), ...usedBy(record, life) });
        return true;
      case 'workerExit':
        this.#exit(life, record, time);
        return true;
      case 'budgetLower':
        if (record.limit === 'compilations') this.#budget = numberOf(record.to);
        life.budget = this.#budget;
        return true;
      default:
        return false;
    }
  }

  /** Takes what living workers have used so far, from a record `stats`. */
  count(workers: readonly LogRecord[]): void {
    for (const worker of workers) {
      const life = this.#open.get(Number(worker.id));
      if (life !== undefined) Object.assign(life, usedBy(worker, life));
    }
  }

  /** Ends all open lives: the session is over, or its process died. */
  end(time: number, how: 'closed' | 'lost' = 'lost'): void {
    for (const life of this.#open.values()) {
      life.exit = Math.max(time, life.start);
      life.end = how;
    }
    this.#open.clear();
  }

  #add(worker: unknown, pid: unknown, start: number): WorkerLife {
    const nothing = { ready: null, serving: null, retire: null, exit: null, reason: null, end: null };
    const unknown = { exitCode: null, signal: null, compilations: null, evaluations: null };
    const session = Math.max(this.#session, 0);
    const life = {
      session,
      worker: Number(worker),
      pid: Number(pid),
      start,
      ...nothing,
      ...unknown,
      budget: this.#budget,
    };
    this.lives.push(life);
    this.#open.set(life.worker, life);
    return life;
  }

  #move({ kernel, from, to, reason }: LogRecord, time: number): void {
    const life = this.#open.get(Number(to));
    if (life !== undefined) life.serving ??= time;
    const session = Math.max(this.#session, 0);
    this.moves.push({
      ...{ session, time, kernel: String(kernel), from: numberOf(from), to: Number(to), reason: String(reason) },
    });
  }

  #exit(life: WorkerLife, record: LogRecord, time: number): void {
    life.exit = time;
    life.exitCode = numberOf(record.exit_code);
    life.signal = textOf(record.signal);
    life.reason = textOf(record.reason) ?? life.reason;
    life.end = record.expected !== true ? 'died' : life.retire === null ? 'closed' : 'retired';
    Object.assign(life, usedBy(record, life));
    this.#open.delete(life.worker);
  }
}

const usedBy = (record: LogRecord, life: WorkerLife) => ({
  compilations: numberOf(record.compilations) ?? life.compilations,
  evaluations: numberOf(record.evaluations) ?? life.evaluations,
});
