import { isRecord } from '../files/read-file.js';
import { type LogRecord, numberOf, textOf } from '../history/log-tail.js';
import type { EnergyPoint, MemoryPoint } from '../history/run-history.js';
import { stepColumns } from '../history/step-table.js';
import type { WorkerLife } from '../history/worker-lives.js';
import type { WatchedRun } from './watched-runs.js';

/** A run in the page's list. Times are milliseconds since 1970. */
export interface RunEntry {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  readonly state: WatchedRun['status']['state'];
  readonly pid: number | null;
  readonly host: string | null;
  readonly model: string | null;
  readonly parameters: number | null;
  readonly device: string | null;
  readonly started: number | null;
  readonly updated: number | null;
  readonly step: number;
  readonly steps: number | null;
  readonly loss: number | null;
  readonly best: number | null;
  /** Rows of its step table. With `rewinds` it tells which rows a page lacks. */
  readonly rows: number;
  readonly rewinds: number;
  readonly revision: number;
  /** Number of records beside steps: a page that has as many has all of `RunDetail`. */
  readonly events: number;
}

/** All of a run but its steps. */
export interface RunDetail extends RunEntry {
  readonly start: LogRecord | null;
  readonly done: LogRecord | null;
  readonly sessions: readonly number[];
  readonly evaluations: readonly LogRecord[];
  readonly samples: readonly LogRecord[];
  readonly notices: readonly { readonly time: number; readonly record: LogRecord }[];
  readonly workers: readonly WorkerLife[];
  readonly memory: readonly MemoryPoint[];
  readonly energy: readonly EnergyPoint[];
  readonly kernels: readonly LogRecord[];
  /** The latest moves of kernels, at most 20,000. */
  readonly moves: readonly (readonly [
    session: number,
    time: number,
    from: number,
    to: number,
    kernel: string,
    why: string,
  ])[];
}

const MOST_MOVES = 20_000;
const MOST_NOTICES = 2000;

export function runEntry({ id, name, history, status }: WatchedRun): RunEntry {
  const { start, steps, best, rewinds, revision, events, folder, sessions, lastTime } = history;
  const rows = steps.count;
  return {
    ...{ id, name, folder, ...status, best, rows, rewinds, revision, events },
    model: textOf(start?.model),
    parameters: numberOf(start?.parameters),
    device: textOf(start?.device),
    started: sessions[0] ?? null,
    updated: Number.isNaN(lastTime) ? null : lastTime,
    step: rows === 0 ? 0 : steps.column('step')[rows - 1]!,
    steps: numberOf(start?.steps),
    loss: rows === 0 ? null : finiteOf(steps.column('loss')[rows - 1]!),
  };
}

export function runDetail(run: WatchedRun): RunDetail {
  const { start, done, sessions, evaluations, samples, notices, memory, energy, kernels, workers } = run.history;
  const moves = workers.moves
    .slice(-MOST_MOVES)
    .map(({ session, time, from, to, kernel, reason }) => [session, time, from ?? 0, to, kernel, reason] as const);
  const lives = isAtWork(run) ? workers.lives : workers.lives.map((life) => closed(life, run.history.lastTime));
  return {
    ...runEntry(run),
    ...{
      start: withoutWorkers(start),
      done,
      sessions,
      evaluations,
      samples,
      memory,
      energy,
      kernels,
      workers: lives,
      moves,
    },
    notices: notices.slice(-MOST_NOTICES),
  };
}

/** Whether a process may still add to the log. */
const isAtWork = ({ status: { state } }: WatchedRun): boolean => state === 'running' || state === 'remote';

/** A life that the log leaves open, of a run whose process is gone. */
const closed = (life: WorkerLife, lastTime: number): WorkerLife =>
  life.end === null ? { ...life, exit: Math.max(lastTime, life.start), end: 'lost' } : life;

/**
 * The rows of a run's step table from `from` on, column after column in the order of `stepColumns`, as little-endian 64-bit floats.
 */
export function stepBytes({ history: { steps } }: WatchedRun, from: number): Buffer {
  return Buffer.concat(stepColumns.map((name) => Buffer.from(new Uint8Array(steps.column(name).slice(from).buffer))));
}

/** The workers at a start are lives, too. */
function withoutWorkers(start: LogRecord | null): LogRecord | null {
  if (start === null) return null;
  const { workers: _, ...rest } = start;
  return isRecord(rest) ? rest : null;
}

const finiteOf = (value: number): number | null => (Number.isFinite(value) ? value : null);
