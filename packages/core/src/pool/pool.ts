import { inspect } from 'node:util';
import { addon, type Matmul, type Precision } from '@mayfly/native';
import { signalOf, unwatchAbort, watchAbort } from '../abort-watch.js';
import { failedCall, withCallersStack } from '../callers-stack.js';
import { anyText, flag, object } from '../check.js';
import { DeferredEmitter } from '../deferred-emitter.js';
import { Arena } from '../memory/arena.js';
import { Admission } from './admission.js';
import { eventChannels } from './channels.js';
import { closeDeadlineError, kernelDisposedError, poolClosedError } from './errors.js';
import { logEvents } from './event-log.js';
import { Fleet } from './fleet/fleet.js';
import { KernelHandle } from './kernel/kernel-handle.js';
import { WeightStore } from './kernel/weights.js';
import { type FilledPoolOptions, type PoolOptions, resolvePoolOptions } from './pool-options.js';
import type { CallOptions, Kernel, PoolEvents, PoolProgram, PoolStats } from './types.js';
import { assertBudgetCovers, type Budget } from './worker/budget.js';
import { chaosTransport } from './worker/chaos-transport.js';
import { Clock } from './worker/clock.js';
import { processTransport, type StartTransport } from './worker/transport.js';

/**
 * Creates a pool and starts its workers; settles when they serve.
 *
 * @param given Options; each has a default.
 * @throws `ERR_INVALID_ARGUMENT`; `ERR_DEVICE_UNAVAILABLE`; `ERR_POOL_FAILED` where no worker starts; the reason of `signal`.
 */
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
    throw signal?.aborted ? signal.reason : withCallersStack(error, createPool);
  } finally {
    signal?.removeEventListener('abort', end);
  }
  return pool;
}

/** Runs MIL programs in worker processes that are replaced without their callers noticing. Made by `createPool`. */
export class Pool extends DeferredEmitter<PoolEvents> implements AsyncDisposable {
  /** The name of the device in use. */
  readonly device: string;
  /** Whether its device gets parts of inputs from where they lie (`InputReuse.parts`). Others are faster where they are in place before. */
  readonly gathersInputs: boolean;
  /** Why that device, in a few words. */
  readonly deviceReason: string;
  /** Processes that evaluate kernels. */
  readonly workers: number;
  /** Started processes that are kept ready to take over. */
  readonly standby: number;
  /** The implementation of the device's matrix products: `exact`, `blas`, or the one that `fast` means on this processor. */
  readonly matmul: Matmul;
  /** `fast` only if that differs from `exact` here. Host math beside the pool uses the same precision. */
  readonly precision: Precision;
  /** Holds every tensor that kernels read or write. */
  readonly arena: Arena;

  readonly #options: FilledPoolOptions;
  readonly #fleet: Fleet;
  readonly #admission: Admission;
  readonly #store: WeightStore;
  #names = 0;
  #closing: Promise<void> | null = null;
  #destroying: Promise<void> | null = null;

  /** @internal `transport` starts workers, `clock` is the time of all deadlines; tests pass their own. */
  constructor(
    options: FilledPoolOptions,
    transport: (arena: Arena) => StartTransport = (arena) => processTransport(arena, options),
    clock = new Clock(),
  ) {
    super('pool', eventChannels);
    this.#options = options;
    this.device = options.device;
    this.gathersInputs = options.device === 'ane';
    this.deviceReason = options.deviceReason;
    this.workers = options.workers;
    this.standby = options.standby;
    this.matmul = matmulOf(options.device, options.precision);
    this.precision = options.precision === 'fast' && this.matmul === 'exact' ? 'exact' : options.precision;
    this.arena = new Arena(options.arenaBytes);
    this.#store = new WeightStore(this.arena);
    this.#admission = new Admission(clock, options.maxQueue, this);
    logEvents(this);
    this.#fleet = new Fleet(this.#withChaos(transport(this.arena)), this.arena, { ...options, clock }, this);
  }

  /** @internal */
  open(): Promise<void> {
    return this.#fleet.open();
  }

  /** Compiles a program; the kernel it gives outlives every worker. One compilation. */
  compile(program: PoolProgram, options?: CallOptions): Promise<Kernel> {
    return new Promise((resolve, reject) => {
      const signal = signalOf(options);
      const given = object<PoolProgram>().check('program', program);
      const { text, weights = {}, name = `kernel-${++this.#names}`, function: function_, unchecked, group } = given;
      anyText.check('text', text);
      if (function_ !== undefined) anyText.check('function', function_);
      if (group !== undefined) anyText.check('group', group);
      if (unchecked !== undefined) flag.check('unchecked', unchecked);
      const compileOptions = { ...(function_ && { function: function_ }), ...(unchecked && { unchecked }) };
      anyText.check('name', name);
      signal?.throwIfAborted();
      const { placement } = this.#fleet;
      assertBudgetCovers(placement.budget, placement.kernels.size + 1, this.#options.workers);
      const settle = (error: Error | null) => {
        if (signal !== undefined) unwatchAbort(signal, abortable);
        this.#admission.settled();
        if (error === null) resolve(kernel);
        else if (signal?.aborted) reject(signal.reason);
        else resolve(failedCall(error));
      };
      const kernel = this.#admission.admitWith(
        () =>
          new KernelHandle(
            { name, text, options: compileOptions, group },
            weights,
            placement,
            this.#store,
            this.#admission,
            settle,
          ),
      );
      const abortable = {
        aborted: (reason: unknown) => {
          reject(reason);
          kernel.fail(kernelDisposedError(name));
        },
      };
      if (signal !== undefined) watchAbort(signal, abortable);
      placement.kernels.add(kernel);
      void kernel.reconcile();
    });
  }

  /** When its workers retire: the budget of its options, lowered to the limits that the device turned out to have. */
  get budget(): Budget {
    return this.#fleet.placement.budget;
  }

  /** Statistics since the pool was made, with every worker and kernel that it has now. A copy: later work does not change it. */
  stats(): PoolStats {
    return { ...this.#fleet.stats(), pending: this.#admission.pending };
  }

  /**
   * Retires every serving worker, one after the other: their kernels move to fresh ones while they go on serving. Programs that the
   * device refused are tried again when they are compiled next.
   *
   * @returns Settles when each was reaped and fresh workers are ready, or when the pool ends before that. Never rejects: a kernel that
   * fresh workers refuse is quarantined (event `kernelQuarantine`), and the calls to it reject. Waits while no worker can be started.
   */
  recycle(): Promise<void> {
    return this.#fleet.recycle();
  }

  /**
   * Takes no more calls, finishes those it has, lets the workers exit; settles when each was reaped. What has not settled
   * after `timeouts.closeMs` rejects with `ERR_POOL_CLOSED`, as by `destroy`. Idempotent.
   */
  close(): Promise<void> {
    this.#admission.close();
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  /** Ends everything now: pending calls reject with `ERR_POOL_CLOSED`, workers are killed. Settles when each was reaped. Idempotent. */
  destroy(): Promise<void> {
    this.#admission.close();
    this.#destroying ??= this.#end(poolClosedError(), true);
    this.#closing ??= this.#destroying;
    return this.#destroying;
  }

  /** Whether a call was refused with `ERR_QUEUE_FULL` and the event `drain`, which says when to go on, is still to come. */
  get needsDrain(): boolean {
    return this.#admission.needsDrain;
  }

  /** Whether `close` or `destroy` was called: the pool takes no more calls. */
  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Whether `destroy` was called, or `timeouts.closeMs` passed while the pool closed. */
  get destroyed(): boolean {
    return this.#destroying !== null;
  }

  /** What `console.log` shows: the device, the pool's state, and a line for each worker. */
  [inspect.custom](): string {
    const state = this.destroyed ? 'destroyed' : this.closed ? 'closed' : 'open';
    const lines = this.#fleet.stats().workers.map(({ id, pid, state, kernels, compilations, evaluations }) => {
      const counts = `kernels ${kernels}, compilations ${compilations}, evaluations ${evaluations}`;
      return `\n  worker ${id} (pid ${pid}) ${state}: ${counts}`;
    });
    return `Pool (device ${this.device}, ${state})${lines.join('')}`;
  }

  /** As `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #drainAndClose(): Promise<void> {
    const { closeMs } = this.#options.timeouts;
    const drained = await this.#admission.idle(closeMs);
    if (!drained) this.#destroying ??= this.#end(closeDeadlineError(this.#admission.pending, closeMs), true);
    await (this.#destroying ?? this.#end(poolClosedError(), false));
  }

  async #end(error: Error, now: boolean): Promise<void> {
    const ended = this.#fleet.close(now);
    for (const kernel of this.#fleet.placement.kernels) kernel.fail(error);
    await ended;
    this.arena.close();
  }

  #withChaos(start: StartTransport): StartTransport {
    const { chaos } = this.#options;
    if (chaos === undefined) return start;
    return chaosTransport(start, chaos, (fault) => this.emit('fault', { fault }));
  }
}

/** The implementation of a device's matrix products. Only device `cpu` has another than `exact`. */
function matmulOf(device: string, precision: Precision): Matmul {
  if (device !== 'cpu' || precision === 'exact') return 'exact';
  return precision === 'fast' ? addon.fastMatmul() : 'blas';
}

let warned = false;

/** Warns, once a process, that an instruction set which the processor announces is not used. */
function warnOfIsaFault(): void {
  const fault = addon.isaFault();
  if (fault === null || warned) return;
  warned = true;
  process.emitWarning(fault, { type: 'MayflyWarning', code: 'MAYFLY_ISA' });
}
