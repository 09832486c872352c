import { MayflyError, type Precision } from '@mayfly/native';
import { type Budget, jittered, type RetirementReason, retirementReason } from './budget.js';
import { poolClosedError, poolFailedError, type WorkerEnd } from './errors.js';
import { Governor, type Pacing } from './governor.js';
import type { KernelHandle } from './kernel-handle.js';
import type { Run } from './run.js';
import type { StartTransport } from './transport.js';
import { WorkHistory } from './work-history.js';
import { type WorkerListener, WorkerProcess, type WorkerTimeouts } from './worker-process.js';

export interface FleetOptions {
  readonly device: string;
  /** Workers that take kernels. */
  readonly workers: number;
  /** Started workers kept beside them. */
  readonly standby: number;
  /** Threads of each worker's device. */
  readonly threads: number;
  /** Of the cpu device. */
  readonly precision: Precision;
  readonly budget: Budget;
  readonly timeouts: WorkerTimeouts;
  readonly pacing: Pacing;
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

/** All workers of a pool: keeps their number, chooses who compiles, retires who is used up, replaces who died. */
export class Fleet implements WorkerListener {
  /** Milliseconds in which some compilation waited for a worker to become ready. */
  waitedMs = 0;
  #waiting = 0;
  #waitingSince = 0;
  readonly #workers = new Set<WorkerProcess>();
  readonly #governor: Governor;
  readonly #start: StartTransport;
  readonly #options: FleetOptions;
  readonly #listener: FleetListener;
  readonly #compileHistory = new WorkHistory();
  /** Those of workers that are gone. */
  readonly #histories: WorkHistory[] = [];
  /** The budget as given, but for what the device was found to allow. */
  #budget: Budget;
  /** Why no worker could be had lately; null after one became ready. */
  #startError: Error | null = null;
  /** Workers that ended because they were told to. */
  readonly #dismissed = new WeakSet<WorkerProcess>();
  #wake: (() => void)[] = [];
  #scheduled = 0;
  #ids = 0;
  #closed = false;
  #failure: Error | null = null;

  constructor(start: StartTransport, options: FleetOptions, listener: FleetListener) {
    this.#start = start;
    this.#options = options;
    this.#listener = listener;
    this.#governor = new Governor(options.pacing);
    this.#budget = options.budget;
  }

  get budget(): Budget {
    return this.#budget;
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#workers];
  }

  /** Starts workers and standbys; settles when the workers are ready. */
  async open(): Promise<void> {
    this.#replenish();
    while (this.#in('standby').length < this.#options.workers) {
      await this.#change();
      this.#assertOpen();
    }
    for (const worker of this.#in('standby').slice(0, this.#options.workers)) this.#promote(worker);
  }

  /** A worker that has room for one more compilation, which is counted as begun. Waits for one to start if need be. */
  async reserve(kernel: KernelHandle): Promise<WorkerProcess> {
    for (;;) {
      this.#assertOpen();
      const worker = this.#choose(kernel);
      if (worker !== null) {
        worker.compilations += 1;
        worker.reserved += 1;
        await this.#governor.compilation();
        return worker;
      }
      if (this.#startError !== null) throw this.#startError;
      this.#replenish();
      if (this.#waiting++ === 0) this.#waitingSince = performance.now();
      await this.#change();
      if (--this.#waiting === 0) this.waitedMs += performance.now() - this.#waitingSince;
    }
  }

  /** The compilation of `reserve` ended. */
  done(worker: WorkerProcess, outcome: 'compiled' | 'rejected' | 'failed'): void {
    worker.reserved -= 1;
    if (outcome === 'failed') {
      worker.failures += 1;
      this.#governor.noteCompileFailure();
    } else if (!worker.lost) this.#governor.noteProgress();
    this.check(worker);
  }

  /** Lowers the budget of every worker to what the device was found to allow. */
  limitCompilations(compilations: number): void {
    this.#budget = { ...this.#budget, compilations };
  }

  /** Retires or drains the worker if it is time. */
  check(worker: WorkerProcess): void {
    if (worker.state === 'serving' && !this.#in('retiring').some((other) => other.evicting)) {
      const reason = retirementReason(worker, worker.budget, performance.now(), 'evaluation');
      if (reason !== null) this.retire(worker, reason);
    }
    const empty = worker.kernels.size === 0 && worker.reserved === 0 && worker.inFlight === 0;
    if (worker.state === 'retiring' && empty && !worker.lost) void this.#drain(worker);
  }

  /**
   * Takes no more compilations there. A worker that is out of compilations keeps its kernels until their next update, so that
   * no compilation is wasted; for any other reason they move at once.
   */
  retire(worker: WorkerProcess, reason: RetirementReason): void {
    worker.become('retiring');
    this.#listener.onRetire(worker, reason);
    const lazy = reason === 'compilations' || reason === 'livePrograms';
    if (!lazy) this.#evict(worker);
    const lingering = this.#in('retiring').filter((other) => !other.evicting);
    for (const oldest of lingering.slice(0, lingering.length - this.#options.workers)) this.#evict(oldest);
    this.#replenish();
    this.check(worker);
  }

  /** Lets workers finish what they have, or not (`now`); settles when every process was reaped. */
  async close(now: boolean): Promise<void> {
    this.#closed = true;
    this.#governor.stop();
    this.#notify();
    await Promise.all(this.workers.map((worker) => (now ? this.#kill(worker) : this.#dismiss(worker))));
  }

  onReady(worker: WorkerProcess): void {
    this.#startError = null;
    this.#listener.onReady(worker);
    if (this.#closed) void this.#dismiss(worker);
    for (const leaving of this.#in('retiring')) for (const kernel of leaving.kernels) kernel.unstick();
    this.#notify();
  }

  onAnswer(worker: WorkerProcess, run: Run, error: Error | null): void {
    if (error === null) this.#governor.noteProgress();
    else worker.failures += 1;
    this.#listener.onAnswer(worker, run, error);
    const { evaluations, slowdown } = worker.budget;
    const used = worker.evaluations >= evaluations || worker.slowdown >= slowdown || error !== null;
    if (used || worker.state === 'retiring') this.check(worker);
  }

  onLost(worker: WorkerProcess, unanswered: readonly Run[]): void {
    if (worker.state === 'exiting' || this.#closed) this.#dismissed.add(worker);
    else this.#governor.noteDeath();
    this.#listener.onLost(worker, unanswered);
    this.#replenish();
    this.#notify();
  }

  onExit(worker: WorkerProcess, end: WorkerEnd): void {
    this.#workers.delete(worker);
    worker.history.reset();
    this.#histories.push(worker.history);
    if (worker.livePrograms > 0) this.#governor.noteHotExit();
    this.#listener.onExit(worker, end, this.#dismissed.has(worker));
    if (this.#governor.exhausted) this.#giveUp(poolFailedError(end, this.#governor.deaths));
    this.#notify();
  }

  /** The kernel's own worker while it may compile, else the serving one with the fewest kernels, else a standby. */
  #choose(kernel: KernelHandle): WorkerProcess | null {
    const { workers } = this.#options;
    const own = kernel.worker;
    if (own?.state === 'serving' && !own.lost) {
      const limit = this.#limit(own);
      if (limit === null) return own;
      this.retire(own, limit);
    }
    const serving = this.#in('serving');
    const open = serving.filter((worker) => this.#limit(worker) === null);
    const standby = this.#in('standby')[0];
    if (serving.length < workers && standby !== undefined) return this.#promote(standby);
    if (open.length > 0) return open.reduce((least, worker) => (load(worker) < load(least) ? worker : least));
    if (serving.length < workers) return null;
    const fullest = serving.reduce((most, worker) => (worker.compilations > most.compilations ? worker : most));
    this.retire(fullest, this.#limit(fullest)!);
    // Kernels that had to leave have asked for workers themselves by now.
    return this.#choose(kernel);
  }

  /** What forbids one more compilation there. */
  #limit(worker: WorkerProcess): RetirementReason | null {
    const compilations = Math.min(worker.budget.compilations, this.#budget.compilations);
    return retirementReason(worker, { ...worker.budget, compilations }, performance.now(), 'compilation');
  }

  #promote(worker: WorkerProcess): WorkerProcess {
    worker.become('serving');
    const { ageMs } = worker.budget;
    if (Number.isFinite(ageMs)) {
      setTimeout(() => this.check(worker), Math.max(worker.startedAt + ageMs - performance.now(), 0) + 1).unref();
    }
    this.#replenish();
    return worker;
  }

  #evict(worker: WorkerProcess): void {
    worker.evicting = true;
    for (const kernel of worker.kernels) void kernel.reconcile();
  }

  /** Starts what is missing to `workers` that serve and `standby` beside them (one at least when somebody has to be replaced). */
  #replenish(): void {
    const { workers, standby } = this.#options;
    const missingServing = workers - this.#in('serving').length;
    const coming = this.#in('standby').length + this.#in('starting').length + this.#scheduled;
    for (let missing = missingServing + standby - coming; missing > 0 && !this.#closed; missing--) {
      this.#scheduled += 1;
      void this.#governor.start(() => this.#startWorker()).finally(() => this.#notify());
    }
  }

  async #startWorker(): Promise<void> {
    this.#scheduled -= 1;
    if (this.#failure !== null) return;
    const { workers, budget } = this.#options;
    const id = ++this.#ids;
    let worker: WorkerProcess;
    try {
      const history = this.#histories.pop() ?? new WorkHistory();
      const setup = { ...this.#options, compileHistory: this.#compileHistory, history };
      worker = new WorkerProcess(id, this.#start, setup, workers > 1 ? jittered(budget, id) : budget, this);
    } catch (cause) {
      this.#governor.noteDeath();
      if (this.#governor.exhausted) this.#giveUp(startFailedError(cause, this.#governor.deaths));
      this.#replenish();
      return;
    }
    this.#workers.add(worker);
    this.#listener.onStart(worker);
    while (worker.state === 'starting') await this.#change();
  }

  async #drain(worker: WorkerProcess): Promise<void> {
    worker.become('draining');
    await worker.retire();
  }

  async #dismiss(worker: WorkerProcess): Promise<void> {
    if (worker.state === 'starting' || worker.lost) return this.#kill(worker);
    if (worker.state === 'serving') worker.become('retiring');
    if (worker.state === 'standby' || worker.state === 'retiring') await this.#drain(worker);
    await worker.end;
  }

  async #kill(worker: WorkerProcess): Promise<void> {
    worker.kill(null);
    await worker.end;
  }

  /** While a worker serves, only those who wait for another one are told; then nothing more is to be hoped for. */
  #giveUp(error: Error): void {
    this.#startError = error;
    if (this.#in('serving').length === 0 && this.#in('retiring').length === 0) this.fail(error);
  }

  /** Ends the fleet: every call from now on gets this error. */
  fail(error: Error): void {
    if (this.#failure !== null || this.#closed) return;
    this.#failure = error;
    this.#governor.stop();
    this.#listener.onFailed(error);
    this.#notify();
  }

  #in(state: WorkerProcess['state']): WorkerProcess[] {
    return [...this.#workers].filter((worker) => worker.state === state && !worker.lost);
  }

  /** The next time that anything about the workers changes. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #assertOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw poolClosedError();
  }
}

const load = (worker: WorkerProcess): number => worker.kernels.size + worker.reserved;

const startFailedError = (cause: unknown, tries: number): MayflyError =>
  new MayflyError('ERR_POOL_FAILED', `[pool] no worker could be started in ${tries} tries: ${reasonOf(cause)}`, {
    cause,
  });

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
