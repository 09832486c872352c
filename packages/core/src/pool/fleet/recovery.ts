import { isDeviceFault, quarantinedError, WorkerExitError } from '../errors.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { Run } from '../worker/run.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { Placer } from './placer.js';

/** What becomes of runs whose device or worker failed: they are repeated elsewhere, but not for ever. */
export class Recovery {
  readonly #placer: Placer;
  readonly #attempts: number;
  readonly #settled: () => void;
  readonly #ending: () => boolean;

  /**
   * @param attempts Workers that may fail during the same run.
   * @param settled Told of each run that is given up here.
   * @param ending Nothing is repeated any more: the pool ends.
   */
  constructor(placer: Placer, attempts: number, settled: () => void, ending: () => boolean) {
    this.#placer = placer;
    this.#attempts = attempts;
    this.#settled = settled;
    this.#ending = ending;
  }

  /** A run was answered, well or not. */
  answered(run: Run, error: Error | null): void {
    if (error === null) this.#placer.noteSuccess('evaluate');
    if (error === null || !isDeviceFault(error)) {
      run.kernel.answered(run, error);
      return;
    }
    this.#placer.noteFault('evaluate', error);
    run.attempts += 1;
    if (run.attempts < this.#attempts) {
      run.kernel.retry(run);
      return;
    }
    const final = this.#placer.quarantine(run.kernel, quarantinedError(run.kernel.name, run.attempts, error));
    run.kernel.answered(run, final);
    run.kernel.fail(final);
  }

  /** Sends every unanswered run again, but for the one being evaluated when it has ended too many workers. */
  async lost(worker: WorkerProcess, unanswered: readonly Run[]): Promise<void> {
    const culprit = unanswered[0];
    if (culprit !== undefined && !culprit.abandoned) culprit.attempts += 1;
    const runs = new Map<PlacedKernel, Run[]>([...worker.kernels].map((kernel) => [kernel, []]));
    for (const run of unanswered) runs.set(run.kernel, [...(runs.get(run.kernel) ?? []), run]);
    worker.kernels.clear();
    const condemned = culprit !== undefined && culprit.attempts >= this.#attempts;
    if (worker.running && !this.#ending()) {
      // Kernels move at once, but what a thread may still write must not be written elsewhere: until then it counts as sent.
      for (const kernel of runs.keys()) kernel.lost(worker, 0, []);
      await worker.stopped();
    }
    for (const [kernel, sent] of runs) {
      kernel.lost(worker, sent.length, condemned ? sent.filter((run) => run !== culprit) : sent);
    }
    if (condemned) await this.#condemn(culprit, worker);
  }

  async #condemn(run: Run, worker: WorkerProcess): Promise<void> {
    const error = new WorkerExitError(run.kernel.name, 'evaluating', run.attempts, await worker.end);
    run.settle(error);
    this.#settled();
    run.kernel.fail(this.#placer.quarantine(run.kernel, error));
  }
}
