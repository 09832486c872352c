import type { DeviceLimit } from '@mayfly/native';
import { poolClosedError, poolFailedError, type WorkerEnd } from '../errors.js';
import type { MoveReason } from '../kernel/kernel-host.js';
import type { Budget, RetirementReason } from '../worker/budget.js';
import type { PlacedKernel } from '../worker/placed-kernel.js';
import type { Run } from '../worker/run.js';
import type { StartTransport } from '../worker/transport.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import { AgeWatch } from './age-watch.js';
import { Choice } from './choice.js';
import { Governor, type Pacing } from './governor.js';
import { Health, type Work } from './health.js';
import { Recruiter, type RecruiterListener, type RecruiterOptions } from './recruiter.js';
import { Retirements } from './retirements.js';
import { Roster } from './roster.js';
import { Trials } from './trials.js';

export interface FleetOptions extends RecruiterOptions {
  readonly pacing: Pacing;
  /** Workers that may fail during the same work. */
  readonly attempts: number;
}

/** What the owner of a fleet is told. */
export interface FleetListener {
  onStart(worker: WorkerProcess): void;
  onReady(worker: WorkerProcess): void;
  onRetire(worker: WorkerProcess, reason: RetirementReason): void;
  onAnswer(worker: WorkerProcess, run: Run, error: Error | null): void;
  onLost(worker: WorkerProcess, unanswered: readonly Run[]): void;
  onExit(worker: WorkerProcess, end: WorkerEnd, expected: boolean): void;
  /** No worker can be had any more. Called once. */
  onFailed(error: Error): void;
}

/** All workers of a pool: chooses who compiles, and keeps count of what happens to them. */
export class Fleet implements RecruiterListener {
  /** Milliseconds in which some compilation waited for a worker to become ready. */
  waitedMs = 0;
  readonly health: Health;
  readonly trials = new Trials();
  #waiting = 0;
  #waitingSince = 0;
  readonly #roster = new Roster();
  readonly #governor: Governor;
  readonly #recruiter: Recruiter;
  readonly #retirements: Retirements;
  readonly #ages: AgeWatch;
  readonly #options: FleetOptions;
  readonly #listener: FleetListener;
  readonly #choice: Choice;
  /** Why no worker could be had lately; null after one became ready. */
  #startError: Error | null = null;
  /** Workers that ended because they were told to. */
  readonly #dismissed = new WeakSet<WorkerProcess>();
  #closed = false;
  #failure: Error | null = null;

  constructor(start: StartTransport, options: FleetOptions, listener: FleetListener) {
    this.#options = options;
    this.#listener = listener;
    this.#ages = new AgeWatch(options.clock, (worker) => this.check(worker));
    // Faults in a row over enough workers to have quarantined two kernels are the device's own.
    this.health = new Health(options.pacing.maxDeaths, 2 * options.attempts);
    this.#governor = new Governor(options.pacing, this.health, options.clock);
    this.#recruiter = new Recruiter(start, options, this.#roster, this.health, this.#governor, this);
    this.#retirements = new Retirements(options.workers, this.#roster, this.#recruiter, (worker, reason) =>
      listener.onRetire(worker, reason),
    );
    this.#choice = new Choice(
      options.budget,
      options.workers,
      this.#roster,
      this.#recruiter,
      this.#retirements,
      this.trials,
      (standby) => this.#promote(standby),
    );
  }

  get budget(): Budget {
    return this.#choice.budget;
  }

  get workers(): readonly WorkerProcess[] {
    return this.#roster.all;
  }

  /** Starts workers and standbys; settles when the workers are ready. */
  async open(): Promise<void> {
    this.#recruiter.replenish();
    while (this.#roster.in('standby').length < this.#options.workers) {
      await this.#roster.change();
      this.#assertOpen();
    }
    for (const worker of this.#roster.in('standby').slice(0, this.#options.workers)) this.#promote(worker);
  }

  /** A worker that has room for one more compilation, which is counted as begun. Waits for one to start if need be. */
  async reserve(kernel: PlacedKernel, reason: MoveReason): Promise<WorkerProcess> {
    for (;;) {
      this.#assertOpen();
      const worker = this.#choice.for(kernel, reason);
      if (worker !== null) {
        worker.compilations += 1;
        worker.reserved += 1;
        await this.#governor.compilation();
        return worker;
      }
      if (this.#startError !== null) throw this.#startError;
      this.#recruiter.replenish();
      if (!this.#recruiter.expecting) this.#makeRoom();
      if (this.#waiting++ === 0) this.#waitingSince = performance.now();
      await this.#roster.change();
      if (--this.#waiting === 0) this.waitedMs += performance.now() - this.#waitingSince;
    }
  }

  /**
   * The compilation of `reserve` ended: `refused` where the device failed it and nobody knows yet whose fault that is, `dropped`
   * where it was not asked for any more.
   */
  done(worker: WorkerProcess, outcome: 'compiled' | 'rejected' | 'refused' | 'failed' | 'dropped'): void {
    worker.reserved -= 1;
    if (outcome === 'failed') worker.failures += 1;
    if (outcome === 'failed' || outcome === 'refused') this.#governor.noteCompileFailure();
    else if (outcome !== 'dropped' && !worker.lost) this.health.answered();
    this.check(worker);
  }

  /** A device did its work with the kernel's program. Where it had failed before it ever worked, that was the worker's fault. */
  worked(work: Work, kernel: PlacedKernel, worker: WorkerProcess): void {
    this.health.worked(work);
    const failed = this.trials.worked(kernel, work);
    if (failed.length === 0) return;
    for (const other of failed) {
      other.failures += 1;
      this.check(other);
    }
    if (worker.state === 'standby') this.#promote(worker);
  }

  /** Lowers the budget of every worker to what the device was found to allow. */
  lowerBudget(limit: DeviceLimit, to: number): void {
    this.#choice.budget = { ...this.#choice.budget, [limit]: to };
  }

  /** Retires every serving worker, one after the other. */
  rotate(): void {
    const serving = this.#roster.in('serving');
    for (const worker of serving) worker.replacementRequested = true;
    for (const worker of serving) this.check(worker);
  }

  /** Moves kernels of a crowded worker to one that has fewer, one after the other: kernels that get no updates would stay there. */
  spread(): void {
    if (this.#closed || this.#failure !== null) return;
    this.#choice.crowded()?.spread();
  }

  /** Retires or drains the worker if it is time. */
  check(worker: WorkerProcess): void {
    this.#retirements.check(worker);
  }

  /** Lets workers finish what they have, or not (`now`); settles when every process was reaped. */
  async close(now: boolean): Promise<void> {
    this.#closed = true;
    this.#stop();
    await Promise.all(this.workers.map((worker) => (now ? this.#kill(worker) : this.#dismiss(worker))));
  }

  /** Ends the fleet: every call from now on gets this error. */
  fail(error: Error): void {
    if (this.#failure !== null || this.#closed) return;
    this.#failure = error;
    this.#stop();
    this.#listener.onFailed(error);
  }

  onStart(worker: WorkerProcess): void {
    this.#listener.onStart(worker);
  }

  onReady(worker: WorkerProcess): void {
    this.#startError = null;
    this.#listener.onReady(worker);
    if (this.#closed) void this.#dismiss(worker);
    for (const leaving of this.#roster.in('retiring')) for (const kernel of leaving.kernels) kernel.unstick();
    this.#roster.notify();
    this.spread();
  }

  onAnswer(worker: WorkerProcess, run: Run, error: Error | null): void {
    this.#listener.onAnswer(worker, run, error);
    const { evaluations, slowdown } = worker.budget;
    const used = worker.evaluations >= evaluations || worker.slowdown >= slowdown || error !== null;
    if (used || worker.state === 'retiring') this.check(worker);
  }

  onMeasured(worker: WorkerProcess): void {
    this.check(worker);
  }

  onLost(worker: WorkerProcess, unanswered: readonly Run[]): void {
    if (worker.state === 'exiting' || worker.abandoned || this.#closed) this.#dismissed.add(worker);
    if (!this.#dismissed.has(worker)) {
      const idle = worker.kernels.size === 0 && worker.reserved === 0;
      if (worker.state === 'starting' || (worker.state === 'standby' && idle)) this.health.failedStart();
      else if (!onTrial(worker, unanswered)) this.health.died();
    }
    this.#listener.onLost(worker, unanswered);
    if (!this.health.exhausted) this.#recruiter.replenish();
    this.#roster.notify();
  }

  onExit(worker: WorkerProcess, end: WorkerEnd): void {
    this.#roster.delete(worker);
    this.#ages.end(worker);
    if (worker.livePrograms > 0) this.#governor.noteHotExit();
    const expected = this.#dismissed.has(worker);
    this.#listener.onExit(worker, end, expected);
    if (!expected && this.health.exhausted) this.onGaveUp(poolFailedError(end, this.health.deaths));
    this.#retirements.exited(worker);
    this.#recruiter.replenish();
    this.#roster.notify();
    this.spread();
  }

  /** While a worker serves, only those who wait for another one are told; then nothing more is to be hoped for. */
  onGaveUp(error: Error): void {
    this.#startError = error;
    if (this.#roster.in('serving', 'retiring').length === 0) this.fail(error);
  }

  #promote(worker: WorkerProcess): void {
    worker.become('serving');
    this.health.started();
    this.#ages.begin(worker);
    this.#recruiter.replenish();
  }

  /** Without this, workers that cannot leave before a successor is there would keep it from being started. */
  #makeRoom(): void {
    const worker = this.#retirements.inTheWay();
    if (worker === null) return;
    this.#dismissed.add(worker);
    worker.kill('ended to make room for its successor');
  }

  async #dismiss(worker: WorkerProcess): Promise<void> {
    if (worker.state === 'starting' || worker.lost) return this.#kill(worker);
    if (worker.state === 'serving') worker.become('retiring');
    if (worker.state === 'standby' || worker.state === 'retiring') await worker.drain();
    await worker.end;
  }

  async #kill(worker: WorkerProcess): Promise<void> {
    worker.kill(null);
    await worker.end;
  }

  #stop(): void {
    this.#governor.stop();
    this.#recruiter.stop();
    this.#retirements.stop();
    this.#roster.notify();
  }

  #assertOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw poolClosedError();
  }
}

/** The worker died of a program that never worked, as far as anybody can tell: that says nothing of workers. */
const onTrial = (worker: WorkerProcess, [first]: readonly Run[]): boolean =>
  first === undefined ? worker.unproven > 0 : first.kernel.history.histogram.count === 0;
