import type { Matmul, Precision } from '@mayfly/native';
import { anyText, object } from '../check.js';
import { noteRefusal } from '../machine/limits.js';
import { Arena } from '../memory/arena.js';
import { signalOf } from './call-options.js';
import { Calls } from './calls.js';
import { DeferredEmitter } from './deferred-emitter.js';
import { closeDeadlineError, isQuarantine, kernelDisposedError, poolClosedError } from './errors.js';
import { Fleet, type FleetListener } from './fleet/fleet.js';
import { Placer } from './fleet/placer.js';
import { Recovery } from './fleet/recovery.js';
import { Refusals } from './fleet/refusals.js';
import { KernelHandle } from './kernel/kernel-handle.js';
import type { KernelHost, Placement } from './kernel/kernel-host.js';
import { WeightStore } from './kernel/weight-store.js';
import { matmulOf, warnOfIsaFault } from './matmul.js';
import type { PoolEvents, PoolStats } from './pool-events.js';
import { PoolJournal } from './pool-journal.js';
import { type FilledPoolOptions, type PoolOptions, resolvePoolOptions } from './pool-options.js';
import { kernelSummary, workerSummary } from './pool-summaries.js';
import type { CallOptions, Kernel, PoolProgram } from './types.js';
import { unwatchAbort, watchAbort } from './worker/abort-watch.js';
import { assertBudgetCovers } from './worker/budget.js';
import { chaosTransport } from './worker/chaos-transport.js';
import { Clock } from './worker/clock.js';
import type { PlacedKernel } from './worker/placed-kernel.js';
import { processTransport, type StartTransport } from './worker/transport.js';

/** Starts the workers; settles when they are ready. */
export async function createPool(given?: PoolOptions): Promise<Pool> {
  warnOfIsaFault();
  const options = resolvePoolOptions(given);
  const { signal } = options;
  signal?.throwIfAborted();
  const pool = new Pool(options);
  const end = () => void pool.destroy();
  signal?.addEventListener('abort', end, { once: true });
  try {
    await pool.open();
    signal?.throwIfAborted();
  } catch (error) {
    await pool.destroy();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', end);
  }
  return pool;
}

/** Runs MIL programs in worker processes that are replaced without their callers noticing. Made by `createPool`. */
export class Pool extends DeferredEmitter<PoolEvents> implements AsyncDisposable {
  /** The device in use. */
  readonly device: string;
  /** Why that one. */
  readonly deviceReason: string;
  /** What computes its matrix products, as `fast` or the default `exact` comes to here. */
  readonly matmul: Matmul;
  /** `fast` where that is another thing than `exact`. Host math beside the pool goes by it, too. */
  readonly precision: Precision;
  /** Every tensor that kernels read or write lies here. */
  readonly arena: Arena;

  readonly #options: FilledPoolOptions;
  readonly #fleet: Fleet;
  readonly #refusals: Refusals;
  readonly #placer: Placer;
  readonly #recovery: Recovery;
  readonly #calls: Calls;
  readonly #weightStore: WeightStore;
  readonly #kernels = new Set<PlacedKernel>();
  readonly #journal = new PoolJournal(this);
  #names = 0;
  #closing: Promise<void> | null = null;
  #destroying: Promise<void> | null = null;

  /** @internal `transport` starts workers, all deadlines go by `clock`; tests bring their own. */
  constructor(
    options: FilledPoolOptions,
    transport: (arena: Arena) => StartTransport = processTransport,
    clock = new Clock(),
  ) {
    super();
    this.#options = options;
    this.device = options.device;
    this.deviceReason = options.deviceReason;
    this.matmul = matmulOf(options.device, options.precision);
    this.precision = this.matmul === 'exact' ? 'exact' : 'fast';
    this.arena = new Arena(options.arenaBytes);
    this.#weightStore = new WeightStore(this.arena);
    this.#calls = new Calls(clock, options.maxQueue, () => this.emit('drain'));
    this.#fleet = new Fleet(this.#withChaos(transport(this.arena)), { ...options, clock }, this.#fleetListener());
    this.#refusals = new Refusals(this.arena);
    this.#placer = new Placer(
      this.#fleet,
      this.#refusals,
      // Injected refusals tell nothing about this machine.
      {
        ...options,
        noteRefusal: (limit, allowed) =>
          options.chaos === undefined ? noteRefusal(options.device, limit, allowed) : null,
      },
      () => this.#kernels.size,
      (name, event) => this.emit(name, ...([event] as never)),
    );
    this.#recovery = new Recovery(this.#fleet, this.#refusals, options, () => this.#calls.settled());
  }

  /** @internal */
  open(): Promise<void> {
    return this.#fleet.open();
  }

  /** Compiles a program; the kernel it gives outlives every worker. One compilation. */
  compile(program: PoolProgram, options?: CallOptions): Promise<Kernel> {
    return new Promise((resolve, reject) => {
      const signal = signalOf(options);
      const { text, weights = {}, name = `kernel-${++this.#names}` } = object<PoolProgram>().check('program', program);
      anyText.check('text', text);
      anyText.check('name', name);
      signal?.throwIfAborted();
      assertBudgetCovers(this.#fleet.budget, this.#kernels.size + 1, this.#options.workers);
      const settle = (error: Error | null) => {
        if (signal !== undefined) unwatchAbort(signal, abortable);
        this.#calls.settled();
        if (error === null) resolve(kernel);
        else reject(error);
      };
      const kernel = this.#calls.admitWith(() => new KernelHandle(name, text, weights, this.#kernelHost, settle));
      const abortable = {
        aborted: (reason: unknown) => {
          reject(reason);
          kernel.fail(kernelDisposedError(name));
        },
      };
      if (signal !== undefined) watchAbort(signal, abortable);
      this.#kernels.add(kernel);
      void kernel.reconcile();
    });
  }

  stats(): PoolStats {
    return {
      ...this.#journal.counts,
      compilations: this.#placer.compilations,
      pending: this.#calls.pending,
      waitedForWorkersMs: this.#fleet.waitedMs,
      workers: this.#fleet.workers.map(workerSummary),
      kernels: [...this.#kernels].map(kernelSummary),
    };
  }

  /**
   * Retires every serving worker, one after the other: their kernels move to fresh ones while they go on serving. Programs that the
   * device refused are tried again when they are compiled next.
   */
  rotate(): void {
    this.#refusals.clear();
    this.#fleet.rotate();
  }

  /**
   * Takes no more calls, finishes those it has, lets the workers exit; settles when each was reaped. What has not settled
   * after `timeouts.closeMs` rejects with `ERR_POOL_CLOSED`, as by `destroy`. Idempotent.
   */
  close(): Promise<void> {
    this.#calls.close();
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  /** Ends everything now: pending calls reject with `ERR_POOL_CLOSED`, workers are killed. Settles when each was reaped. Idempotent. */
  destroy(): Promise<void> {
    this.#calls.close();
    this.#destroying ??= this.#end(poolClosedError(), true);
    this.#closing ??= this.#destroying;
    return this.#destroying;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drainAndClose(): Promise<void> {
    const { closeMs } = this.#options.timeouts;
    const drained = await this.#calls.idle(closeMs);
    if (!drained) this.#destroying ??= this.#end(closeDeadlineError(this.#calls.pending, closeMs), true);
    await (this.#destroying ?? this.#end(poolClosedError(), false));
  }

  async #end(error: Error, now: boolean): Promise<void> {
    const ended = this.#fleet.close(now);
    for (const kernel of this.#kernels) kernel.fail(error);
    await ended;
    this.arena.close();
  }

  #withChaos(start: StartTransport): StartTransport {
    const { chaos } = this.#options;
    if (chaos === undefined) return start;
    return chaosTransport(start, chaos, (fault) => this.emit('fault', { fault }));
  }

  get #kernelHost(): KernelHost {
    return {
      weightStore: this.#weightStore,
      place: (kernel, source, reason) => this.#placer.place(kernel, source, reason),
      release: (kernel, placement) => this.#release(kernel, placement),
      calls: this.#calls,
      stalled: (reason, milliseconds) => this.#journal.stalled(reason, milliseconds),
      forget: (kernel, error) => {
        this.#kernels.delete(kernel);
        this.#fleet.trials.end(kernel);
        if (isQuarantine(error)) this.emit('kernelQuarantine', { kernel: kernel.name, error });
      },
    };
  }

  #release(kernel: PlacedKernel, { worker, program }: Placement): void {
    if (kernel.worker !== worker) worker.kernels.delete(kernel);
    if (worker.lost) return;
    if (worker.state === 'serving' || worker.state === 'standby') worker.unload(program).catch(() => {});
    this.#fleet.check(worker);
    this.#fleet.spread();
  }

  #fleetListener(): FleetListener {
    return {
      onStart: (worker) => this.#journal.started(worker),
      onReady: (worker) => this.#journal.ready(worker),
      onRetire: (worker, reason) => this.#journal.retired(worker, reason),
      onAnswer: (worker, run, error) => {
        this.#journal.answered();
        this.#recovery.answered(worker, run, error);
      },
      onLost: (worker, unanswered) => void this.#recovery.lost(worker, unanswered),
      onExit: (_worker, end, expected) => this.#journal.exited(end, expected),
      onFailed: (error) => {
        for (const kernel of [...this.#kernels]) kernel.fail(error);
      },
    };
  }
}
