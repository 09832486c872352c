import type { MayflyError } from '@mayfly/native';
import { deviceStuckError, programRefusedError, quarantinedError, WorkerExitError } from '../errors.js';
import type { KernelHandle } from '../kernel/kernel-handle.js';
import type { Run } from '../worker/run.js';
import type { Health } from './health.js';
import type { Placement } from './placement.js';
import type { Worker } from './roster.js';
import type { Trials } from './trials.js';

export interface RecoveryOptions {
  readonly device: string;
  /** Workers that may fail during the same run. */
  readonly attempts: number;
}

/** Repeats runs whose device or worker failed on another worker, `attempts` times at most. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #placement: Placement;
  readonly #health: Health;
  readonly #trials: Trials;

  constructor(options: RecoveryOptions, placement: Placement, health: Health, trials: Trials) {
    this.#options = options;
    this.#placement = placement;
    this.#health = health;
    this.#trials = trials;
  }

  /**
   * The device failed a run. If its kernel worked before, the worker is at fault; if not, a second worker has to tell.
   */
  failed(worker: Worker, run: Run<KernelHandle>, error: MayflyError): void {
    const { kernel } = run;
    const { device, attempts } = this.#options;
    run.attempts += 1;
    if (kernel.history.histogram.count > 0) {
      worker.countFailure();
      this.#health.failed('evaluate', kernel.source.text);
      const faults = this.#health.stuck('evaluate');
      if (faults > 0) this.#placement.fail(deviceStuckError(device, faults, worker.id, error));
    } else if (this.#trials.failed(kernel, kernel.source, 'evaluate', worker, error)) {
      end(run, programRefusedError(kernel.name, error));
      return;
    }
    if (run.attempts < attempts) kernel.retry(run);
    else end(run, quarantinedError(kernel.name, run.attempts, worker.id, error));
  }

  /** Repeats every unanswered run, but not the one being evaluated if that has ended too many workers. */
  async lost(worker: Worker, unanswered: readonly Run<KernelHandle>[]): Promise<void> {
    const culprit = unanswered[0];
    if (culprit !== undefined && !culprit.abandoned) culprit.attempts += 1;
    const runs = new Map<KernelHandle, Run<KernelHandle>[]>([...worker.kernels].map((kernel) => [kernel, []]));
    for (const run of unanswered) runs.set(run.kernel, [...(runs.get(run.kernel) ?? []), run]);
    const condemned = culprit !== undefined && culprit.attempts >= this.#options.attempts;
    if (worker.running) {
      // Kernels move at once, but what a thread may still write must not be written elsewhere: until then it counts as sent.
      for (const kernel of runs.keys()) kernel.lost(worker, 0, []);
      await worker.stopped();
    }
    for (const [kernel, sent] of runs) {
      kernel.lost(worker, sent.length, condemned ? sent.filter((run) => run !== culprit) : sent);
    }
    if (!condemned) return;
    const { kernel, attempts } = culprit;
    kernel.condemn(culprit, new WorkerExitError(kernel.name, 'evaluating', attempts, await worker.end));
  }
}

function end(run: Run<KernelHandle>, error: MayflyError): void {
  run.kernel.answered(run, error);
  run.kernel.fail(error);
}
