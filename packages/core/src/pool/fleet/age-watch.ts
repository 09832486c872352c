import type { Clock, Deadline } from '../worker/clock.js';
import type { WorkerProcess } from '../worker/worker-process.js';

/** Tells when workers have reached the age of their budget. */
export class AgeWatch {
  readonly #clock: Clock;
  readonly #due: (worker: WorkerProcess) => void;
  readonly #deadlines = new Map<WorkerProcess, Deadline>();

  constructor(clock: Clock, due: (worker: WorkerProcess) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  begin(worker: WorkerProcess): void {
    const left = Math.max(worker.startedAt + worker.budget.ageMs - this.#clock.now(), 0) + 1;
    this.#deadlines.set(worker, this.#clock.after(left, () => this.#due(worker)).unref());
  }

  /** The worker is gone: a deadline would keep what is left of it until it would have been of age. */
  end(worker: WorkerProcess): void {
    this.#deadlines.get(worker)?.cancel();
    this.#deadlines.delete(worker);
  }
}
