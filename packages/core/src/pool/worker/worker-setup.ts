import type { Precision } from '@mayfly/native';
import type { WorkerEnd } from '../errors.js';
import type { Clock } from './clock.js';
import type { Run } from './run.js';
import type { WorkHistory } from './work-history.js';
import type { WorkerProcess } from './worker-process.js';

/** Deadlines; a worker that misses one is killed and its work repeated elsewhere. */
export interface WorkerTimeouts {
  /** From spawn to ready. Default 30 s. */
  readonly startMs: number;
  /** One evaluation. Default: 50 times the kernel's slowest, 2 s at least; 60 s while there is no history. */
  readonly dispatchMs: number | undefined;
  /** One compilation. Default: 50 times the pool's slowest, 2 s at least; 120 s while there is no history. */
  readonly compileMs: number | undefined;
  /** From the abort of a run until the evaluation of it ends the worker. Infinity: it may take its time. Default 1 s. */
  readonly abandonMs: number;
  /** From the order to retire to the exit. Default 5 s. */
  readonly exitMs: number;
}

/** What a worker is given by its fleet. */
export interface WorkerSetup {
  readonly device: string;
  readonly threads: number;
  readonly precision: Precision;
  readonly timeouts: WorkerTimeouts;
  readonly compileHistory: WorkHistory;
  /** Of its pool: all deadlines go by it. */
  readonly clock: Clock;
}

/** What the owner of a worker is told. */
export interface WorkerListener {
  /** It may serve now. */
  onReady(worker: WorkerProcess): void;
  /** A run was answered. */
  onAnswer(worker: WorkerProcess, run: Run, error: Error | null): void;
  /** Its memory was measured. */
  onMeasured(worker: WorkerProcess): void;
  /** It can answer nothing more: `unanswered` runs are in the order in which they were sent. Called once. */
  onLost(worker: WorkerProcess, unanswered: readonly Run[]): void;
  /** Its process was reaped, after `onLost`. Called once. */
  onExit(worker: WorkerProcess, end: WorkerEnd): void;
}

/** A program as a compile request describes it; weight ranges lie in the arena. */
export interface ProgramSource {
  readonly text: string;
  readonly weights: readonly { readonly path: string; readonly offset: number; readonly bytes: number }[];
}
