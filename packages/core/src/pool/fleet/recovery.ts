import type { MayflyError } from '@mayfly/native';
import { deviceStuckError, faultOf, programRefusedError, quarantinedError, WorkerExitError } from '../errors.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { Run } from '../worker/run.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { Fleet } from './fleet.js';
import type { Refusals } from './refusals.js';

export interface RecoveryOptions {
  readonly device: string;
  /** Workers that may fail during the same run. */
  readonly attempts: number;
}

/** What becomes of runs whose device or worker failed: they are repeated elsewhere, but not for ever. */
export class Recovery {
  readonly #fleet: Fleet;
  readonly #refusals: Refusals;
  readonly #options: RecoveryOptions;
  readonly #settled: () => void;

  /** @param settled Called for each run that is given up here. */
  constructor(fleet: Fleet, refusals: Refusals, options: RecoveryOptions, settled: () => void) {
    this.#fleet = fleet;
    this.#refusals = refusals;
    this.#options = options;
    this.#settled = settled;
  }

  /** A run was answered, well or not. */
  answered(worker: WorkerProcess, run: Run, error: Error | null): void {
    if (error !== null && faultOf(error) !== 'caller') {
      this.#failed(worker, run, error as MayflyError);
      return;
    }
    if (error === null) this.#fleet.worked('evaluate', run.kernel, worker);
    run.kernel.answered(run, error);
  }

  /** Sends every unanswered run again, but for the one being evaluated when it has ended too many workers. */
  async lost(worker: WorkerProcess, unanswered: readonly Run[]): Promise<void> {
    const culprit = unanswered[0];
    if (culprit !== undefined && !culprit.abandoned) culprit.attempts += 1;
    const runs = new Map<PlacedKernel, Run[]>([...worker.kernels].map((kernel) => [kernel, []]));
    for (const run of unanswered) runs.set(run.kernel, [...(runs.get(run.kernel) ?? []), run]);
    worker.kernels.clear();
    const condemned = culprit !== undefined && culprit.attempts >= this.#options.attempts;
    if (worker.running) {
      // Kernels move at once, but what a thread may still write must not be written elsewhere: until then it counts as sent.
      for (const kernel of runs.keys()) kernel.lost(worker, 0, []);
      await worker.stopped();
    }
    for (const [kernel, sent] of runs) {
      kernel.lost(worker, sent.length, condemned ? sent.filter((run) => run !== culprit) : sent);
    }
    if (condemned) await this.#condemn(culprit, worker);
  }

  /** The device failed a run. A kernel that worked before shows that the worker is at fault; of another, nobody knows yet. */
  #failed(worker: WorkerProcess, run: Run, error: MayflyError): void {
    const { kernel } = run;
    const { device, attempts } = this.#options;
    const { health, trials } = this.#fleet;
    run.attempts += 1;
    if (kernel.history.histogram.count > 0) {
      worker.failures += 1;
      health.failed('evaluate', kernel);
      const faults = health.stuck('evaluate');
      if (faults > 0) this.#fleet.fail(deviceStuckError(device, faults, worker.id, error));
    } else if (trials.failed(kernel, 'evaluate', worker, error)) {
      this.#refusals.add(kernel.source, error);
      this.#end(run, programRefusedError(kernel.name, error));
      return;
    }
    if (run.attempts < attempts) kernel.retry(run);
    else this.#end(run, quarantinedError(kernel.name, run.attempts, worker.id, error));
  }

  #end(run: Run, error: MayflyError): void {
    run.kernel.answered(run, error);
    run.kernel.fail(error);
  }

  async #condemn(run: Run, worker: WorkerProcess): Promise<void> {
    const error = new WorkerExitError(run.kernel.name, 'evaluating', run.attempts, await worker.end);
    run.settle(error);
    this.#settled();
    run.kernel.fail(error);
  }
}
