import type { MayflyError } from '@mayfly/native';
import type { Arena } from '../../memory/arena.js';
import type { DeferredEmitter } from '../deferred-emitter.js';
import { faultOf, noWorkerError, poolClosedError, poolFailedError, type WorkerEnd } from '../errors.js';
import type { KernelHandle } from '../kernel/kernel-handle.js';
import type { PoolEvents, PoolStats } from '../types.js';
import type { Run } from '../worker/run.js';
import type { StartTransport } from '../worker/transport.js';
import type { WorkerOwner } from '../worker/worker-process.js';
import { Governor, type Pacing } from './governor.js';
import { Health } from './health.js';
import { Placement, type PlacementOptions } from './placement.js';
import { Recovery } from './recovery.js';
import { Retirements } from './retirements.js';
import { Roster, type RosterOptions, type Worker } from './roster.js';
import { Trials } from './trials.js';

export interface FleetOptions extends RosterOptions, PlacementOptions {
  readonly pacing: Pacing;
}

/** Owns the workers of a pool: acts on what they report, and passes answers to kernels. */
export class Fleet implements WorkerOwner<KernelHandle> {
  readonly placement: Placement;
  readonly #options: FleetOptions;
  readonly #events: DeferredEmitter<PoolEvents>;
  readonly #health: Health;
  readonly #governor: Governor;
  readonly #roster: Roster;
  readonly #retirements: Retirements;
  readonly #trials: Trials;
  readonly #recovery: Recovery;
  #dispatches = 0;
  #deaths = 0;
  #closed = false;

  constructor(start: StartTransport, arena: Arena, options: FleetOptions, events: DeferredEmitter<PoolEvents>) {
    const { pacing, attempts, clock, workers } = options;
    this.#options = options;
    this.#events = events;
    // Faults in a row over enough workers to have quarantined two kernels are the device's own.
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
    this.#recovery = new Recovery(options, this.placement, this.#health, this.#trials);
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
      kernels: [...placement.kernels].map((kernel) => kernel.summary()),
    };
  }

  /** Retires every serving worker, one after the other. Refused programs are tried again when they are compiled next. */
  rotate(): void {
    this.#trials.clear();
    this.#retirements.retireAll();
  }

  /** Lets workers finish what they have, or kills them (`now`); settles when every process was reaped. */
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
    else this.#recovery.failed(worker, run, error as MayflyError);
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
    void this.#recovery.lost(worker, unanswered);
    if (!this.#health.exhausted) this.#roster.replenish();
    this.#roster.notify();
  }

  exited(worker: Worker, end: WorkerEnd): void {
    this.#roster.delete(worker);
    if (worker.usage.livePrograms > 0) this.#governor.exitedHot();
    const expected = worker.dismissed;
    if (!expected) this.#deaths += 1;
    this.#events.emit('workerExit', { ...end, expected });
    if (!expected && this.#health.exhausted) this.#giveUp(poolFailedError(end, this.#health.deaths));
    this.#retirements.exited(worker);
    this.#roster.replenish();
    this.#roster.notify();
    this.placement.spread();
  }

  /** As long as a worker serves, only what waits for another one fails; without one the pool fails. */
  #giveUp(error: Error): void {
    this.#roster.giveUp(error);
    if (this.#roster.in('serving', 'retiring').length === 0) this.placement.fail(error);
  }
}

/** The worker died of a program that never worked, as far as anything shows: that says nothing of workers. */
const onTrial = (worker: Worker, [first]: readonly Run<KernelHandle>[]): boolean =>
  first === undefined ? worker.unproven > 0 : first.kernel.history.histogram.count === 0;
