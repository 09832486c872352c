import type { MayflyError } from '@mayfly/native';
import { faultOf } from '../errors.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { Work } from './health.js';

interface Trial {
  readonly work: Work;
  readonly failures: Map<WorkerProcess, MayflyError>;
}

/**
 * Programs that failed before they ever worked. Whether program or worker is at fault, a second worker tells: where it
 * fails in the same way, the program is refused; where it does not, the first one was at fault. Until then neither is blamed.
 */
export class Trials {
  readonly #open = new Map<PlacedKernel, Trial>();

  /** The device of `worker` failed a program that never worked. Whether that is the program's fault. */
  failed(kernel: PlacedKernel, work: Work, worker: WorkerProcess, error: MayflyError): boolean {
    let trial = this.#open.get(kernel);
    if (trial?.work !== work) {
      trial = { work, failures: new Map() };
      this.#open.set(kernel, trial);
    }
    const before = [...trial.failures].filter(([other]) => other !== worker);
    trial.failures.set(worker, error);
    return (
      faultOf(error) === 'program' &&
      before.some(([, { code, message }]) => code === error.code && message === error.message)
    );
  }

  /** It works after all: gives the workers on which it did not. */
  worked(kernel: PlacedKernel, work: Work): WorkerProcess[] {
    if (this.#open.size === 0) return [];
    const trial = this.#open.get(kernel);
    if (trial?.work !== work) return [];
    this.#open.delete(kernel);
    return [...trial.failures.keys()];
  }

  /** Whether the program failed on that worker, and nobody knows why yet. */
  suspects(kernel: PlacedKernel, worker: WorkerProcess): boolean {
    return this.#open.get(kernel)?.failures.has(worker) ?? false;
  }

  /** Whether the program failed on some worker, and nobody knows why yet. */
  has(kernel: PlacedKernel): boolean {
    return this.#open.has(kernel);
  }

  /** The kernel is given up, or is known to be at fault: no worker is blamed. */
  end(kernel: PlacedKernel): void {
    this.#open.delete(kernel);
  }
}
