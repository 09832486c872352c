import { type FastProducts, MayflyError } from '@mayfly/native';
import { EventEmitter } from 'eventemitter3';
import { Arena } from '../memory/arena.js';
import type { RetirementReason } from './budget.js';
import { chaosTransport } from './chaos-transport.js';
import { isDeviceFault, kernelDisposedError, poolClosedError, quarantinedError, WorkerExitError } from './errors.js';
import { Fleet, type FleetListener } from './fleet.js';
import { KernelHandle, type KernelHost, type MoveReason, type Placement } from './kernel-handle.js';
import { Placer } from './placer.js';
import type { PoolEvents, PoolStats } from './pool-events.js';
import { type FilledPoolOptions, type PoolOptions, resolvePoolOptions } from './pool-options.js';
import { kernelSummary, workerSummary } from './pool-summaries.js';
import { productsOf, warnOfIsaFault } from './products.js';
import type { Run } from './run.js';
import { processTransport, type StartTransport } from './transport.js';
import type { CallOptions, Kernel, PoolProgram } from './types.js';
import { WeightStore } from './weight-store.js';
import type { WorkerProcess } from './worker-process.js';

/** Starts the workers; settles when they are ready. */
export async function createPool(options?: PoolOptions): Promise<Pool> {
  warnOfIsaFault();
  const pool = new Pool(resolvePoolOptions(options));
  try {
    await pool.open();
  } catch (error) {
    await pool.destroy();
    throw error;
  }
  return pool;
}

/** Runs MIL programs in worker processes that are replaced without their callers noticing. Made by `createPool`. */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  /** The device in use. */
  readonly device: string;
  /** Why that one. */
  readonly deviceReason: string;
  /** What computes its matrix products, as `fast` or the default `exact` comes to here. */
  readonly products: FastProducts;
  /** Every tensor that kernels read or write lies here. */
  readonly arena: Arena;

  readonly #options: FilledPoolOptions;
  readonly #fleet: Fleet;
  readonly #placer: Placer;
  readonly #weightStore: WeightStore;
  readonly #kernels = new Set<KernelHandle>();
  readonly #stalledMs: Record<MoveReason, number> = { compile: 0, update: 0, retire: 0, recover: 0 };
  #dispatches = 0;
  #workersStarted = 0;
  #retirements = 0;
  #deaths = 0;
  #pending = 0;
  #names = 0;
  #refused = false;
  #whenIdle: (() => void)[] = [];
  #closing: Promise<void> | null = null;
  #destroying: Promise<void> | null = null;

  /** @internal `transport` starts workers; tests bring their own. */
  constructor(options: FilledPoolOptions, transport: (arena: Arena) => StartTransport = processTransport) {
    super();
    this.#options = options;
    this.device = options.device;
    this.deviceReason = options.deviceReason;
    this.products = productsOf(options.device, options.precision);
    this.arena = new Arena(options.arenaBytes);
    this.#weightStore = new WeightStore(this.arena);
    this.#fleet = new Fleet(this.#withChaos(transport(this.arena)), options, this.#fleetListener());
    this.#placer = new Placer(
      this.#fleet,
      options,
      () => this.#kernels.size,
      (name, event) => this.emit(name, event as never),
    );
  }

  /** @internal */
  open(): Promise<void> {
    return this.#fleet.open();
  }

  /** Compiles a program; the kernel it gives outlives every worker. One compilation. */
  compile(program: PoolProgram, options: CallOptions = {}): Promise<Kernel> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== null) throw poolClosedError();
      const { signal } = options;
      signal?.throwIfAborted();
      this.#assertBudgetCovers(this.#kernels.size + 1);
      const name = program.name ?? `kernel-${++this.#names}`;
      const kernel = new KernelHandle(name, program.text, program.weights ?? {}, this.#kernelHost(), (error) => {
        signal?.removeEventListener('abort', onAbort);
        if (error === null) resolve(kernel);
        else reject(error);
      });
      const onAbort = () => {
        reject(signal?.reason);
        kernel.fail(kernelDisposedError(name));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#kernels.add(kernel);
      void kernel.reconcile();
    });
  }

  stats(): PoolStats {
    return {
      dispatches: this.#dispatches,
      compilations: this.#placer.compilations,
      workersStarted: this.#workersStarted,
      retirements: this.#retirements,
      deaths: this.#deaths,
      pending: this.#pending,
      stalledMs: { ...this.#stalledMs },
      waitedForWorkersMs: this.#fleet.waitedMs,
      workers: this.#fleet.workers.map(workerSummary),
      kernels: [...this.#kernels].map(kernelSummary),
    };
  }

  /** Retires every serving worker: their kernels move to fresh ones while they go on serving. */
  rotate(): void {
    for (const worker of this.#fleet.workers) {
      if (worker.state === 'serving' && !worker.lost) this.#fleet.retire(worker, 'requested');
    }
  }

  /** Takes no more calls, finishes those it has, lets the workers exit; settles when each was reaped. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  /** Ends everything now: pending calls reject with `ERR_POOL_CLOSED`, workers are killed. Idempotent. */
  destroy(): Promise<void> {
    this.#destroying ??= this.#end(poolClosedError(), true);
    this.#closing ??= this.#destroying;
    return this.#destroying;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drainAndClose(): Promise<void> {
    while (this.#pending > 0 && this.#destroying === null)
      await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await (this.#destroying ?? this.#end(poolClosedError(), false));
  }

  async #end(error: Error, now: boolean): Promise<void> {
    const ended = this.#fleet.close(now);
    for (const kernel of this.#kernels) kernel.fail(error);
    for (const resolve of this.#whenIdle.splice(0)) resolve();
    await ended;
    this.arena.close();
  }

  #withChaos(start: StartTransport): StartTransport {
    const { chaos } = this.#options;
    if (chaos === undefined) return start;
    return chaosTransport(start, chaos.faults, chaos.seed, (fault) => this.emit('fault', { fault }));
  }

  #assertBudgetCovers(kernels: number): void {
    const { workers } = this.#options;
    const { budget } = this.#fleet;
    const each = Math.ceil(kernels / workers);
    for (const limit of ['compilations', 'livePrograms'] as const) {
      if (budget[limit] >= each) continue;
      throw new MayflyError(
        'ERR_BUDGET',
        `Expected budget.${limit} to cover ${kernels} kernels on ${workers} workers, which takes ${each} each, got ${budget[limit]}`,
      );
    }
  }

  #kernelHost(): KernelHost {
    return {
      weightStore: this.#weightStore,
      place: (kernel, source, reason) => this.#placer.place(kernel, source, reason),
      release: (kernel, placement) => this.#release(kernel, placement),
      admit: () => this.#admit(),
      settled: () => this.#settled(),
      stalled: (reason, milliseconds) => {
        this.#stalledMs[reason] += milliseconds;
      },
      forget: (kernel) => this.#kernels.delete(kernel),
    };
  }

  #release(kernel: KernelHandle, { worker, program }: Placement): void {
    if (kernel.worker !== worker) worker.kernels.delete(kernel);
    if (worker.lost) return;
    if (worker.state === 'serving') worker.unload(program).catch(() => {});
    this.#fleet.check(worker);
  }

  #admit(): void {
    if (this.#closing !== null) throw poolClosedError();
    if (this.#pending >= this.#options.maxQueue) {
      this.#refused = true;
      throw new MayflyError(
        'ERR_QUEUE_FULL',
        `Expected at most ${this.#options.maxQueue} calls at once: wait for 'drain'`,
      );
    }
    this.#pending += 1;
  }

  #settled(): void {
    this.#pending -= 1;
    if (this.#refused && this.#pending <= this.#options.maxQueue / 2) {
      this.#refused = false;
      this.emit('drain');
    }
    if (this.#pending === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #fleetListener(): FleetListener {
    return {
      onStart: ({ id, pid }) => {
        this.#workersStarted += 1;
        this.emit('worker-start', { worker: id, pid });
      },
      onReady: ({ id, pid, startedAt }) => {
        this.emit('worker-ready', { worker: id, pid, ms: performance.now() - startedAt });
      },
      onRetire: (worker, reason) => this.#onRetire(worker, reason),
      onAnswer: (_worker, run, error) => this.#onAnswer(run, error),
      onLost: (worker, unanswered) => void this.#onLost(worker, unanswered),
      onExit: (_worker, end, expected) => {
        if (!expected) this.#deaths += 1;
        this.emit('worker-exit', { ...end, expected });
      },
      onFailed: (error) => {
        for (const kernel of [...this.#kernels]) kernel.fail(error);
      },
    };
  }

  #onAnswer(run: Run, error: Error | null): void {
    this.#dispatches += 1;
    if (error === null) this.#placer.noteSuccess('evaluate');
    if (error === null || !isDeviceFault(error)) {
      run.kernel.answered(run, error);
      return;
    }
    this.#placer.noteFault('evaluate', error);
    run.attempts += 1;
    if (run.attempts < this.#options.attempts) {
      run.kernel.retry(run);
      return;
    }
    const final = this.#placer.quarantine(run.kernel, quarantinedError(run.kernel.name, run.attempts, error));
    run.kernel.answered(run, final);
    run.kernel.fail(final);
  }

  #onRetire(worker: WorkerProcess, reason: RetirementReason): void {
    this.#retirements += 1;
    const { id, pid, compilations, evaluations, kernels } = worker;
    const ageMs = performance.now() - worker.startedAt;
    this.emit('worker-retire', { worker: id, pid, reason, compilations, evaluations, ageMs, kernels: kernels.size });
  }

  /** Sends every unanswered run again, but for the one being evaluated when it has ended too many workers. */
  async #onLost(worker: WorkerProcess, unanswered: readonly Run[]): Promise<void> {
    const culprit = unanswered[0];
    if (culprit !== undefined) culprit.attempts += 1;
    const runs = new Map<KernelHandle, Run[]>([...worker.kernels].map((kernel) => [kernel, []]));
    for (const run of unanswered) runs.set(run.kernel, [...(runs.get(run.kernel) ?? []), run]);
    worker.kernels.clear();
    const condemned = culprit !== undefined && culprit.attempts >= this.#options.attempts;
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
