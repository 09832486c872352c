import { type AneApi, type DeviceLimit, DeviceLimitError, type MayflyError } from '@mayfly/native';
import type { DeferredEmitter } from '../../deferred-emitter.js';
import { limitsKey } from '../../machine/ane-api.js';
import { noteRefusal } from '../../machine/limits.js';
import { traced } from '../../tracing.js';
import { type CompileMessage, compileChannel } from '../channels.js';
import {
  deviceStuckError,
  faultOf,
  isQuarantine,
  isSameRefusal,
  programRefusedError,
  quarantinedError,
  WorkerExitError,
  WorkerLostError,
} from '../errors.js';
import type { KernelHandle, KernelOwner } from '../kernel/kernel-handle.js';
import type { MoveReason, PoolEvents, WorkerState } from '../types.js';
import { type Budget, isSoft, keepsKernels, type RetirementReason } from '../worker/budget.js';
import type { LoadedProgram, ProgramSource } from '../worker/worker-process.js';
import type { Governor } from './governor.js';
import type { Health, Work } from './health.js';
import type { Retirements } from './retirements.js';
import type { Roster, Worker } from './roster.js';
import type { Trials } from './trials.js';

export interface PlacementOptions {
  readonly device: string;
  readonly aneApi: AneApi | null;
  /** Workers that serve. */
  readonly workers: number;
  /** Workers that may fail during the same work. */
  readonly attempts: number;
  readonly budget: Budget;
  /** Faults are injected: refusals of the device tell nothing about the limits of this machine. */
  readonly chaos?: object | undefined;
}

/**
 * Decides where kernels are compiled: chooses a worker or waits for one, compiles there, tries another worker if the device or the
 * worker was at fault, and gives up after `attempts`.
 */
export class Placement implements KernelOwner {
  /** Kernels that take calls. */
  readonly kernels = new Set<KernelHandle>();
  readonly #options: PlacementOptions;
  readonly #roster: Roster;
  readonly #retirements: Retirements;
  readonly #governor: Governor;
  readonly #health: Health;
  readonly #trials: Trials;
  readonly #events: DeferredEmitter<PoolEvents>;
  /** Where each group's kernels go. */
  readonly #homes = new Map<string, Worker>();
  /** Limits that the device turned out to have below the budget, for every worker. */
  #lowered: Partial<Record<DeviceLimit, number>> = {};
  /** The error of every call from now on; null while kernels are placed. */
  #ended: Error | null = null;
  #compilations = 0;
  #waiting = 0;
  #waitingSince = 0;
  #waitedMs = 0;
  /** Waiting times of disposed kernels. */
  readonly #stalledMs: Record<MoveReason, number> = { compile: 0, update: 0, retire: 0, recover: 0, spread: 0 };

  constructor(
    options: PlacementOptions,
    roster: Roster,
    retirements: Retirements,
    governor: Governor,
    health: Health,
    trials: Trials,
    events: DeferredEmitter<PoolEvents>,
  ) {
    this.#options = options;
    this.#roster = roster;
    this.#retirements = retirements;
    this.#governor = governor;
    this.#health = health;
    this.#trials = trials;
    this.#events = events;
  }

  /** The budget of the pool's options, lowered to the limits that the device turned out to have. */
  get budget(): Budget {
    return { ...this.#options.budget, ...this.#lowered };
  }

  /** Compilations begun. */
  get compilations(): number {
    return this.#compilations;
  }

  /** Milliseconds in which a compilation waited for a worker to become ready. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Milliseconds in which kernels had runs and no program for them, summed over kernels. */
  get stalledMs(): Record<MoveReason, number> {
    const sum = { ...this.#stalledMs };
    for (const { stalledMs } of this.kernels) addTo(sum, stalledMs);
    return sum;
  }

  /** Compiles `source` on a worker, which from then on holds the kernel. */
  async place(kernel: KernelHandle, source: ProgramSource, reason: MoveReason): Promise<LoadedProgram<KernelHandle>> {
    const started = performance.now();
    const refusal = this.#trials.refusalOf(source);
    if (refusal !== null) throw programRefusedError(kernel.name, refusal);
    // A move compiles a program that was compiled before.
    const proven = reason === 'retire' || reason === 'recover' || reason === 'spread';
    // An update is compiled even if its kernel is disposed of meanwhile: it has been counted as a compilation.
    const stillWanted = reason === 'compile' ? () => assertWanted(kernel) : undefined;
    const failures: Error[] = [];
    for (;;) {
      const worker = await this.#reserve(kernel, reason);
      let loaded: LoadedProgram<KernelHandle>;
      try {
        this.#compilations += 1;
        loaded = await traced(
          compileChannel,
          () => this.#messageOf(kernel, worker, reason),
          (message) => worker.compile(kernel, source, proven, stillWanted, message),
        );
      } catch (error) {
        const verdict = await this.#failed(kernel, source, worker, proven, error as Error, failures);
        if (verdict !== null) throw verdict;
        failures.push(error as Error);
        continue;
      }
      if (loaded.compilations === 0) this.#compilations -= 1;
      const from = kernel.worker?.id ?? null;
      if (!worker.lost) this.#health.answered();
      this.#retirements.check(worker);
      this.worked('compile', kernel, worker);
      const ms = performance.now() - started;
      const { name } = kernel;
      if (reason === 'compile') warn(name, loaded.warnings);
      this.#events.emit('compile', { kernel: name, worker: worker.id, reason, ms });
      if (from !== worker.id) this.#events.emit('kernelMove', { kernel: name, from, to: worker.id, reason, ms });
      return loaded;
    }
  }

  #messageOf({ name }: KernelHandle, { id, pid }: Worker, reason: MoveReason): CompileMessage {
    return { pool: this.#events, kernel: name, worker: id, pid, reason };
  }

  /** The kernel no longer uses the program; its `worker` is already the next one. */
  release(kernel: KernelHandle, { worker, program }: LoadedProgram<KernelHandle>): void {
    if (kernel.worker !== worker) worker.release(kernel);
    if (worker.lost) return;
    if (worker.state === 'serving' || worker.state === 'standby') worker.unload(program).catch(() => {});
    this.#retirements.check(worker);
    this.spread();
  }

  /** The kernel takes no more calls, because of `error`. */
  forget(kernel: KernelHandle, error: Error): void {
    this.kernels.delete(kernel);
    const { group } = kernel;
    if (group !== undefined && ![...this.kernels].some((other) => other.group === group)) this.#homes.delete(group);
    this.#trials.end(kernel);
    addTo(this.#stalledMs, kernel.stalledMs);
    if (isQuarantine(error)) this.#events.emit('kernelQuarantine', { kernel: kernel.name, error });
  }

  /** The kernel's program was compiled or evaluated. If it had failed on another worker before it ever worked, that worker was at fault. */
  worked(work: Work, kernel: KernelHandle, worker: Worker): void {
    this.#health.worked(work);
    const failed = this.#trials.worked(kernel, work);
    if (failed.length === 0) return;
    for (const other of failed) {
      other.countFailure();
      this.#retirements.check(other);
    }
    if (worker.state === 'standby') this.#roster.promote(worker);
  }

  /**
   * Moves one kernel from a crowded worker to a worker that has two less, counted as they will be after the moves under way. Without
   * this, a kernel that gets no updates would stay where it is.
   */
  spread(): void {
    const serving = this.#roster.in('serving');
    if (this.#ended !== null || this.#retirements.underWay || serving.length === 0) return;
    const fullest = serving.reduce((most, worker) => (load(worker) > load(most) ? worker : most));
    if (load(fullest) < this.#leastLoad() + 2) return;
    const movable = [...fullest.kernels].find((kernel) => kernel.movable && !this.#trials.open.has(kernel));
    movable?.spread();
  }

  /** Throws the error that `end` was given. */
  assertOpen(): void {
    if (this.#ended !== null) throw this.#ended;
  }

  /** Places no more kernels: waiting kernels and every later call fail with `error`. Only the first call has an effect. */
  end(error: Error): void {
    this.#ended ??= error;
    this.#governor.stop();
    this.#retirements.stop();
    this.#roster.stop();
  }

  /** Fails every kernel, because the device is stuck or no worker starts any more. */
  fail(error: Error): void {
    if (this.#ended !== null) return;
    this.end(error);
    for (const kernel of [...this.kernels]) kernel.fail(error);
  }

  /** Returns a worker with room for one more compilation, which counts as begun. If there is none, waits for a start. */
  async #reserve(kernel: KernelHandle, reason: MoveReason): Promise<Worker> {
    for (;;) {
      this.assertOpen();
      const worker = this.#choose(kernel, reason);
      if (worker !== null) {
        if (kernel.group !== undefined) this.#homes.set(kernel.group, worker);
        worker.reserve();
        await this.#governor.compilation();
        return worker;
      }
      if (this.#roster.startError !== null) throw this.#roster.startError;
      this.#roster.replenish();
      // Otherwise workers that wait for their successor would hold the places that its process needs.
      if (!this.#roster.expecting) this.#retirements.inTheWay()?.dismiss('ended to make room for its successor');
      if (this.#waiting++ === 0) this.#waitingSince = performance.now();
      await this.#roster.change();
      if (--this.#waiting === 0) this.#waitedMs += performance.now() - this.#waitingSince;
    }
  }

  /**
   * Chooses the worker for the next compilation. Retires workers that have reached a limit.
   *
   * In this order: the kernel's own worker, if it may compile and no other has two kernels less; the worker to which the last kernel of its
   * group went, if it may compile; a standby, if one should serve; the serving worker with the fewest kernels. Null if it is better to wait for a worker.
   */
  #choose(kernel: KernelHandle, reason: MoveReason): Worker | null {
    if (this.#trials.open.has(kernel)) return this.#chooseSecond(kernel);
    const { workers } = this.#options;
    const own = kernel.worker;
    if (own?.state === 'serving' && !own.lost) {
      const limit = this.#limit(own);
      if (limit === null && reason !== 'spread' && load(own) <= this.#leastLoad()) return own;
      if (limit !== null && (keepsKernels(limit) || !this.#retirements.underWay)) this.#retirements.retire(own, limit);
    }
    const serving = this.#roster.in('serving');
    const home = kernel.group === undefined ? undefined : this.#homes.get(kernel.group);
    if (home?.state === 'serving' && !home.lost && reason !== 'spread' && this.#limit(home) === null) return home;
    const standby = this.#roster.in('standby')[0];
    if (serving.length < workers && standby !== undefined) {
      this.#roster.promote(standby);
      return standby;
    }
    const open = serving.filter((worker) => this.#limit(worker) === null);
    // A kernel that is served during its move can wait for the successor, instead of crowding another worker.
    const patience = reason === 'retire' && own?.retirement !== 'failures' && serving.length < workers;
    if (open.length > 0 && !patience) return leastLoaded(open);
    if (serving.length < workers) return null;
    // A harmless limit can wait until the leaving worker has exited, which may need this compilation to exit.
    const patient = !this.#retirements.underWay ? [] : serving.filter((worker) => isSoft(this.#limit(worker)!));
    if (patient.length > 0) return leastLoaded(patient);
    const fullest = serving.reduce((most, each) => (each.usage.compilations > most.usage.compilations ? each : most));
    this.#retirements.retire(fullest, this.#limit(fullest)!);
    // Kernels that have to leave have requested workers by now.
    return this.#choose(kernel, reason);
  }

  /**
   * Chooses a worker for a program that failed before it ever worked: one on which it has not failed. A standby remains a standby, since
   * no serving worker is known to be at fault. If there is no other worker and none is starting, a worker on which it failed retires.
   */
  #chooseSecond(kernel: KernelHandle): Worker | null {
    const others = (...states: readonly WorkerState[]) =>
      this.#roster.in(...states).filter((worker) => !this.#trials.suspects(kernel, worker));
    const serving = this.#roster.in('serving').length;
    const fresh = others('standby').find((worker) => !mustGo(this.#limit(worker)));
    if (fresh !== undefined) {
      if (serving < this.#options.workers) this.#roster.promote(fresh);
      return fresh;
    }
    const open = others('serving').filter((worker) => this.#limit(worker) === null);
    if (open.length > 0) return leastLoaded(open);
    if (this.#roster.expecting) return null;
    const used = this.#roster.in('standby')[0] ?? this.#roster.in('serving')[0];
    if (used !== undefined) this.#retirements.retire(used, this.#limit(used) ?? 'failures');
    return null;
  }

  /** Number of kernels on the worker that a new kernel would get. */
  #leastLoad(): number {
    const serving = this.#roster.in('serving');
    if (serving.length < this.#options.workers && this.#roster.in('standby').length > 0) return 0;
    return Math.min(...serving.filter((worker) => this.#limit(worker) === null).map(load));
  }

  /** The limit that another compilation on the worker would exceed, or null. */
  #limit(worker: Worker): RetirementReason | null {
    return worker.limit('compilation', this.#lowered);
  }

  /**
   * Handles a compilation that failed. Returns the error for the kernel, or null if another worker may succeed.
   *
   * @param before Errors of the workers that tried it before.
   */
  async #failed(
    kernel: KernelHandle,
    source: ProgramSource,
    worker: Worker,
    proven: boolean,
    error: Error,
    before: readonly Error[],
  ): Promise<Error | null> {
    const { attempts } = this.#options;
    const attempt = before.length + 1;
    if (error instanceof WorkerLostError) {
      this.#governor.compilationFailed();
      if (kernel.failure !== null) return kernel.failure;
      return attempt < attempts ? null : new WorkerExitError(kernel.name, 'compiling', attempt, await error.end);
    }
    if (faultOf(error) === 'caller') {
      // The device did not begin the compilation; if the kernel was disposed of before its turn, neither did the worker.
      this.#compilations -= 1;
      if (error !== kernel.failure && !worker.lost) this.#health.answered();
      this.#retirements.check(worker);
      return error;
    }
    const verdict = this.#blame(kernel, source, worker, proven, error as MayflyError, before);
    this.#governor.compilationFailed();
    this.#retirements.check(worker);
    if (verdict !== null) return verdict;
    if (attempt < attempts) return null;
    this.#trials.end(kernel);
    return quarantinedError(kernel.name, attempt, worker.id, error);
  }

  /** Decides whether the program, the worker or the device is at fault for a failed compilation. Returns the error if it is the program. */
  #blame(
    kernel: KernelHandle,
    source: ProgramSource,
    worker: Worker,
    proven: boolean,
    error: MayflyError,
    before: readonly Error[],
  ): MayflyError | null {
    if (error instanceof DeviceLimitError) this.#lowerBudget(worker, error);
    else if (proven) {
      this.#health.failed('compile', source.text);
      const faults = this.#health.stuck('compile');
      if (faults > 0) this.fail(deviceStuckError(this.#options.device, faults, worker.id, error));
      // Every compilation that fails takes a worker: no third one is spent on an answer that two have given.
      else if (before.some((other) => isSameRefusal(error, other))) return programRefusedError(kernel.name, error);
    } else if (this.#trials.failed(kernel, source, 'compile', worker, error)) {
      return programRefusedError(kernel.name, error);
    }
    return null;
  }

  /** Lowers the budget to the number that the device allowed, if that number can hold all kernels. */
  #lowerBudget(worker: Worker, error: DeviceLimitError): void {
    const { device, aneApi, workers, chaos } = this.#options;
    // Fewer compilations help against either.
    const limit = error.limit ?? 'compilations';
    const from = this.budget[limit];
    const to = limit === 'compilations' ? worker.usage.compilations - 1 : worker.usage.stats!.livePrograms;
    if (to >= from || to < Math.ceil(this.kernels.size / workers)) return;
    this.#lowered = { ...this.#lowered, [limit]: to };
    const { message } = error;
    const keptIn = chaos === undefined ? noteRefusal(limitsKey(device, aneApi), limit, to) : null;
    this.#events.emit('budgetLower', { worker: worker.id, limit, from, to, message, keptIn });
  }
}

/** Tells once, when a kernel is made, of weight files that are read although their records do not describe them. */
function warn(kernel: string, warnings: readonly string[]): void {
  const [first, ...more] = warnings;
  if (first === undefined) return;
  const others = more.length === 0 ? '' : ` (and ${more.length} more like it)`;
  process.emitWarning(`${kernel}: ${first}${others}`, { type: 'MayflyWarning', code: 'MAYFLY_WEIGHTS' });
}

const mustGo = (limit: RetirementReason | null): boolean => limit !== null && !isSoft(limit);

const leastLoaded = (workers: readonly Worker[]): Worker =>
  workers.reduce((least, worker) => (load(worker) < load(least) ? worker : least));

/** Number of its kernels after the moves under way. */
const load = (worker: Worker): number =>
  [...worker.kernels].filter((kernel) => kernel.worker !== worker || !kernel.moving).length + worker.usage.reserved;

function addTo(sum: Record<MoveReason, number>, each: Readonly<Record<MoveReason, number>>): void {
  for (const reason of Object.keys(sum) as MoveReason[]) sum[reason] += each[reason];
}

function assertWanted({ failure }: KernelHandle): void {
  if (failure !== null) throw failure;
}
