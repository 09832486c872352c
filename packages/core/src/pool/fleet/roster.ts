import type { WorkerProcess } from '../worker/worker-process.js';
import type { WorkerState } from '../worker/worker-state.js';

/** Every worker of a pool whose process is there, and a way to wait until anything about them changes. */
export class Roster {
  readonly #workers = new Set<WorkerProcess>();
  #wake: (() => void)[] = [];

  get size(): number {
    return this.#workers.size;
  }

  get all(): readonly WorkerProcess[] {
    return [...this.#workers];
  }

  /** Those in a state that can still be spoken to, oldest first. */
  in(...states: readonly WorkerState[]): WorkerProcess[] {
    return this.all.filter((worker) => states.includes(worker.state) && !worker.lost);
  }

  add(worker: WorkerProcess): void {
    this.#workers.add(worker);
  }

  /** Its process was reaped. */
  delete(worker: WorkerProcess): void {
    this.#workers.delete(worker);
  }

  /** The next time that anything about the workers changes. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
