import type { WorkerProcess } from '../worker/worker-process.js';

/** The longest that a timer of Node's can wait, 24.8 days; it takes anything longer for no time at all. */
export const LONGEST_MS = 2 ** 31 - 1;

/** Tells when workers have reached the age of their budget. */
export class AgeWatch {
  readonly #due: (worker: WorkerProcess) => void;
  readonly #timers = new Map<WorkerProcess, NodeJS.Timeout>();

  constructor(due: (worker: WorkerProcess) => void) {
    this.#due = due;
  }

  begin(worker: WorkerProcess): void {
    const { ageMs } = worker.budget;
    if (!Number.isFinite(ageMs)) return;
    const left = Math.max(worker.startedAt + ageMs - performance.now(), 0) + 1;
    const look = () => (left > LONGEST_MS ? this.begin(worker) : this.#due(worker));
    this.#timers.set(worker, setTimeout(look, Math.min(left, LONGEST_MS)).unref());
  }

  /** The worker is gone: a timer would keep what is left of it until it would have been of age. */
  end(worker: WorkerProcess): void {
    clearTimeout(this.#timers.get(worker));
    this.#timers.delete(worker);
  }
}
