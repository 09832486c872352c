import type { MayflyError } from '@mayfly/native';
import { debug } from '../../debug.js';
import type { DeferredEmitter } from '../../deferred-emitter.js';
import type { Arena } from '../../memory/arena.js';
import {
  deviceStuckError,
  faultOf,
  noWorkerError,
  poolClosedError,
  poolFailedError,
  programRefusedError,
  quarantinedError,
  type WorkerEnd,
  WorkerExitError,
} from '../errors.js';
import type { KernelHandle } from '../kernel/kernel-handle.js';
import type { PoolEvents, PoolStats } from '../types.js';
import type { Run } from '../worker/run.js';
import type { StartTransport } from '../worker/transport.js';
import type { WorkerOwner } from '../worker/worker-process.js';
import { Governor, type Pacing } from './governor.js';
import { Health } from './health.js';
import { Placement, type PlacementOptions } from './placement.js';
import { Retirements } from './retirements.js';
import { Roster, type RosterOptions, type Worker } from './roster.js';
import { Trials } from './trials.js';

export interface FleetOptions extends RosterOptions, PlacementOptions {
  readonly pacing: Pacing;
}

/** Owns the workers of a pool: handles their reports, and passes answers on to kernels. */
export class Fleet implements WorkerOwner<KernelHandle> {
  readonly placement: Placement;
  readonly #options: FleetOptions;
  readonly #events: DeferredEmitter<PoolEvents>;
  readonly #health: Health;
  readonly #governor: Governor;
  readonly #roster: Roster;
  readonly #retirements: Retirements;
  readonly #trials: Trials;
  #dispatches = 0;
  #deaths = 0;
  #closed = false;

  constructor(start: StartTransport, arena: Arena, options: FleetOptions, events: DeferredEmitter<PoolEvents>) {
    const { pacing, attempts, clock, workers } = options;
    this.#options = options;
    this.#events = events;
    // So many faults in a row would quarantine two kernels: the device is at fault then, not they.
    this.#health = new Health(pacing.maxDeaths, 2 * attempts);
    this.#governor = new Governor(pacing, this.#health, clock);
    this.#roster = new Roster(start, options, this.#health, this.#governor, this, events);
    this.#retirements = new Retirements(workers, this.#roster, events);
    this.#trials = new Trials(arena);
    this.placement = new Placement(
      options,
      this.#roster,
      this.#retirements,
      this.#governor,
      this.#health,
      this.#trials,
      events,
    );
  }

  /** Starts workers and standbys; settles when the workers serve. */
  async open(): Promise<void> {
    const { workers } = this.#options;
    this.#roster.replenish();
    while (this.#roster.in('standby').length < workers) {
      await this.#roster.change();
      this.placement.assertOpen();
    }
    for (const worker of this.#roster.in('standby').slice(0, workers)) this.#roster.promote(worker);
  }

  stats(): Omit<PoolStats, 'pending'> {
    const { placement } = this;
    return {
      dispatches: this.#dispatches,
      compilations: placement.compilations,
      workersStarted: this.#roster.started,
      retirements: this.#retirements.count,
      deaths: this.#deaths,
      stalledMs: placement.stalledMs,
      waitedForWorkersMs: placement.waitedMs,
      workers: this.#roster.all.map((worker) => worker.summary()),
      kernels: [...placement.kernels].map((kernel) => kernel.stats()),
    };
  }

  /**
   * Retires every serving worker, one after the other; settles when their processes were reaped and their successors are ready.
   * The next compilation of a refused program tries it again.
   */
  async recycle(): Promise<void> {
    this.#trials.clear();
    const serving = this.#roster.in('serving');
    this.#retirements.retireAll(serving);
    await Promise.all(serving.map(({ end }) => end));
    const { workers } = this.#options;
    while (!this.#roster.stopped && this.#roster.in('serving', 'standby').length < workers) await this.#roster.change();
  }

  /** Ends all workers: after the runs that they were sent, or with `now` by SIGKILL. Settles when every process was reaped. */
  async close(now: boolean): Promise<void> {
    this.#closed = true;
    this.placement.end(poolClosedError());
    await Promise.all(
      this.#roster.all.map((worker) => {
        if (now) worker.dismiss(null);
        return now ? worker.end : worker.close();
      }),
    );
  }

  startFailed(cause: unknown): void {
    this.#health.failedStart();
    if (this.#health.exhausted) this.#giveUp(noWorkerError(cause, this.#health.deaths));
    this.#roster.replenish();
  }

  ready(worker: Worker): void {
    this.#roster.ready(worker);
    if (this.#closed) void worker.close();
    for (const leaving of this.#roster.in('retiring')) for (const kernel of leaving.kernels) kernel.unstick();
    this.#roster.notify();
    this.placement.spread();
  }

  answered(worker: Worker, run: Run<KernelHandle>, error: Error | null): void {
    const { kernel } = run;
    this.#dispatches += 1;
    if (error === null) {
      this.#health.worked('evaluate');
      if (this.#trials.open.size > 0) this.placement.worked('evaluate', kernel, worker);
      kernel.answered(run, null);
    } else if (faultOf(error) === 'caller') kernel.answered(run, error);
    else this.#failed(worker, run, error as MayflyError);
    const { usage, budget } = worker;
    const used = usage.evaluations >= budget.evaluations || usage.slowdown >= budget.slowdown || error !== null;
    if (used || worker.state === 'retiring') this.#retirements.check(worker);
  }

  aged(worker: Worker): void {
    this.#retirements.check(worker);
  }

  lost(worker: Worker, unanswered: readonly Run<KernelHandle>[]): void {
    if (!worker.dismissed) {
      const idle = worker.kernels.size === 0 && worker.usage.reserved === 0;
      if (worker.state === 'starting' || (worker.state === 'standby' && idle)) this.#health.failedStart();
      else if (!onTrial(worker, unanswered)) this.#health.died();
    }
    void this.#repeat(worker, unanswered);
    if (!this.#health.exhausted) this.#roster.replenish();
    this.#roster.notify();
  }

  exited(worker: Worker, end: WorkerEnd): void {
    this.#roster.delete(worker);
    if (worker.usage.livePrograms > 0) this.#governor.exitedHot();
    const expected = worker.dismissed;
    if (!expected) this.#deaths += 1;
    const { compilations, evaluations, ageMs } = worker.usage;
    this.#events.emit('workerExit', { ...end, expected, compilations, evaluations, ageMs });
    if (!expected && this.#health.exhausted) this.#giveUp(poolFailedError(end, this.#health.deaths));
    this.#retirements.exited(worker);
    this.#roster.replenish();
    this.#roster.notify();
    this.placement.spread();
  }

  /**
   * Handles a run that the device failed: it is repeated on another worker, `attempts` times at most. If the kernel had worked before,
   * the worker is at fault; if not, the result on a second worker decides.
   */
  #failed(worker: Worker, run: Run<KernelHandle>, error: MayflyError): void {
    const { kernel } = run;
    const { device, attempts } = this.#options;
    run.attempts += 1;
    debug('worker %d failed to evaluate %s, attempt %d: %s', worker.id, kernel.name, run.attempts, error.message);
    if (kernel.history.histogram.count > 0) {
      worker.countFailure();
      this.#health.failed('evaluate', kernel.source.text);
      const faults = this.#health.stuck('evaluate');
      if (faults > 0) this.placement.fail(deviceStuckError(device, faults, worker.id, error));
    } else if (this.#trials.failed(kernel, kernel.source, 'evaluate', worker, error)) {
      giveUp(run, programRefusedError(kernel.name, error));
      return;
    }
    if (run.attempts < attempts) kernel.retry(run);
    else giveUp(run, quarantinedError(kernel.name, run.attempts, worker.id, error));
  }

  /** Repeats the unanswered runs of a lost worker, except a run whose evaluation has ended too many workers. */
  async #repeat(worker: Worker, unanswered: readonly Run<KernelHandle>[]): Promise<void> {
    const culprit = unanswered[0];
    if (culprit !== undefined && !culprit.abandoned) culprit.attempts += 1;
    const runs = new Map<KernelHandle, Run<KernelHandle>[]>([...worker.kernels].map((kernel) => [kernel, []]));
    for (const run of unanswered) runs.set(run.kernel, [...(runs.get(run.kernel) ?? []), run]);
    const condemned = culprit !== undefined && culprit.attempts >= this.#options.attempts;
    if (worker.running) {
      // Kernels move at once. The runs count as sent until no thread of the process can write their outputs any more.
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

  /** While a worker serves, only the calls that wait for another one fail; without a serving worker the pool fails. */
  #giveUp(error: Error): void {
    this.#roster.giveUp(error);
    if (this.#roster.in('serving', 'retiring').length === 0) this.placement.fail(error);
  }
}

function giveUp(run: Run<KernelHandle>, error: MayflyError): void {
  run.kernel.answered(run, error);
  run.kernel.fail(error);
}

/** Whether a worker died while it evaluated a program that never worked: such a death is no evidence against workers. */
const onTrial = (worker: Worker, [first]: readonly Run<KernelHandle>[]): boolean =>
  first === undefined ? worker.unproven > 0 : first.kernel.history.histogram.count === 0;
