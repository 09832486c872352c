import type { AneApi, DeviceLimit, InputReuse, Port } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';
import type { Budget, RetirementReason } from './worker/budget.js';
import type { Chaos } from './worker/chaos-transport.js';
import type { LatencySummary } from './worker/latency.js';

/** Bytes of a weight file: copied into the arena, or a range of the arena that the caller keeps and may rewrite. */
export type WeightSource = Uint8Array | { readonly offset: number; readonly bytes: number };

/** Weight files by the path that BLOBFILE names. */
export type WeightSources = Readonly<Record<string, WeightSource>>;

/** What `pool.compile` takes: any MIL program. */
export interface PoolProgram {
  /** Shown in errors, events and statistics. Default: `kernel-<n>`. */
  readonly name?: string;
  /** MIL text. */
  readonly text: string;
  readonly weights?: WeightSources;
  /** The function of the program. Default: `main`, or the first if none has that name. Device `ane` runs `main` only. */
  readonly function?: string;
  /**
   * True passes the text on to the engine unread, for operations and forms that Mayfly does not know: no mistake is found before the
   * engine's compiler finds it. Only ports are read: the parameters of the function and the types of the values that it returns. Device
   * `ane` only; others must read the text. Default: false.
   */
  readonly unchecked?: boolean;
  /**
   * Kernels of one group are placed on one worker, as long as that has room, and those of other groups elsewhere: of use where groups run at
   * the same time, and the kernels of each one after the other. Default: none; a kernel goes to the worker that has the fewest.
   */
  readonly group?: string | undefined;
}

/** Options of a call to a pool or a kernel. */
export interface CallOptions {
  /**
   * Ends the call, which rejects with the signal's reason; the pool stays whole. A run that waits is not sent, and rejects at
   * once. One that was sent rejects when nothing can write its outputs any more: when its worker has answered, or was ended
   * because that took longer than `timeouts.abandonMs`. An update is carried out all the same. Any number of calls may have
   * one signal.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `Kernel.run`. */
export interface RunOptions extends CallOptions {
  /**
   * Says which contents of the first input and of the output are unchanged, so that device ane copies less. Default: none. Devices that
   * compute in place copy parts that lie elsewhere into place. For programs with one input and one output.
   */
  readonly reuse?: InputReuse | undefined;
  /**
   * Called once the first `reuse.leadingRows` rows of the output are there, where a device copies the others later. Again if a worker's death repeats the
   * run, which writes the same once more.
   */
  readonly onLeadingRows?: (() => void) | undefined;
}

/** One tensor, or one per port in the program's order. */
export type Tensors = Tensor | readonly Tensor[];

/** A handle to a program. It lives until `dispose`, whatever happens to workers. */
export interface Kernel extends AsyncDisposable {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Bytes that its runs copied between the arena and the device's own memory; 0 on devices that compute in place. */
  readonly copiedBytes: number;
  /** Bytes that were copied beside other work: of their inputs before they began, of their outputs after they ended. */
  readonly prefetchedBytes: number;
  /**
   * Evaluates once: reads `inputs`, writes `outputs` (tensors of the pool's arena, of the ports' bytes). Calls on one kernel
   * run in order. A worker's death is not seen: the work is repeated elsewhere, so inputs must stay as they are until the
   * promise settles. The tensors are the run's until then, and the caller's from then on, however it settles: nothing reads or
   * writes them any more. Errors: `ERR_INVALID_ARGUMENT`, also for tensors of another arena and for freed ones; `ERR_DISPATCH`
   * where an output overlaps another tensor of the run.
   */
  run(inputs: Tensors, outputs: Tensors, options?: RunOptions): Promise<void>;
  /**
   * Lets device ane copy, while it evaluates other kernels, what the next run with this input reads: the columns that `reuse` says are not fresh,
   * and `reuse.parts`, which may be some of that run's. All of it has to stay as it is until then. A hint: a kernel that moves to
   * another worker meanwhile copies everything in its run. Throws `ERR_INVALID_ARGUMENT`.
   */
  prefetch(input: Tensor, reuse: InputReuse): void;
  /**
   * Gives the program new weights: one compilation. Without an argument, the arena ranges given before are read again.
   * Runs called before still see the old weights, runs called after the new ones.
   */
  update(weights?: WeightSources, options?: CallOptions): Promise<void>;
  /** Statistics since it was compiled, as `pool.stats().kernels` has them. */
  stats(): KernelSummary;
  /** Unloads it. Resolves once no worker reads its weights any more. Idempotent. */
  dispose(): Promise<void>;
}

/** Why a kernel is compiled on a worker. `spread`: its worker had two kernels more than another. */
export type MoveReason = 'compile' | 'update' | 'retire' | 'recover' | 'spread';

/** The events of a pool. Times are milliseconds. */
export interface PoolEvents {
  /** `budget`: its own limits. */
  workerStart: [event: { readonly worker: number; readonly pid: number; readonly budget: Budget }];
  workerReady: [event: { readonly worker: number; readonly pid: number; readonly ms: number }];
  /** It is no standby any more, but takes kernels. */
  workerServe: [event: { readonly worker: number; readonly pid: number }];
  workerRetire: [
    event: {
      readonly worker: number;
      readonly pid: number;
      readonly reason: RetirementReason;
      readonly compilations: number;
      readonly evaluations: number;
      readonly ageMs: number;
      /** Kernels that have to move to another worker. */
      readonly kernels: number;
    },
  ];
  /** It retires and holds nothing any more: it is asked to exit. */
  workerDrain: [event: { readonly worker: number; readonly pid: number }];
  workerExit: [
    event: {
      readonly worker: number;
      readonly pid: number;
      readonly exitCode: number | null;
      readonly signal: string | null;
      /** True if the pool asked it to exit, or killed it on purpose. */
      readonly expected: boolean;
      readonly reason: string | null;
      readonly lastWords: string;
      /** What it used of its budget. */
      readonly compilations: number;
      readonly evaluations: number;
      readonly ageMs: number;
    },
  ];
  /** A kernel's program was compiled. */
  compile: [
    event: {
      readonly kernel: string;
      readonly worker: number;
      readonly reason: MoveReason;
      readonly ms: number;
    },
  ];
  /** Emitted after `compile` where the worker is another one: `to` takes over from `from` (null: the kernel had no worker). */
  kernelMove: [
    event: {
      readonly kernel: string;
      readonly from: number | null;
      readonly to: number;
      readonly reason: MoveReason;
      readonly ms: number;
    },
  ];
  /** The device refused a compilation that the budget allowed; the budget's `limit` is `to` from now on. */
  budgetLower: [
    event: {
      readonly worker: number;
      /** The limit that the device reached. */
      readonly limit: DeviceLimit;
      readonly from: number;
      readonly to: number;
      readonly message: string;
      /** The file that keeps it as this machine's limit, of which the next run takes 85 %; null if none does. */
      readonly keptIn: string | null;
    },
  ];
  /** A kernel failed on several workers and cannot be run any more. */
  kernelQuarantine: [event: { readonly kernel: string; readonly error: Error }];
  /** A fault was injected because of the option `chaos`. */
  fault: [event: { readonly fault: keyof Chaos }];
  /** The pool accepts calls again after it refused one. */
  drain: [];
}

/** The names of all events. */
export const poolEventNames = Object.keys({
  workerStart: true,
  workerReady: true,
  workerServe: true,
  workerRetire: true,
  workerDrain: true,
  workerExit: true,
  compile: true,
  kernelMove: true,
  budgetLower: true,
  kernelQuarantine: true,
  fault: true,
  drain: true,
} satisfies Record<keyof PoolEvents, true>) as (keyof PoolEvents)[];

/** Statistics since the pool was made. */
export interface PoolStats {
  readonly dispatches: number;
  readonly compilations: number;
  readonly workersStarted: number;
  readonly retirements: number;
  /** Workers that ended unasked. */
  readonly deaths: number;
  /** Calls not yet settled. */
  readonly pending: number;
  /** Time in which kernels had runs but no program, by the reason for its absence; summed over kernels. */
  readonly stalledMs: Readonly<Record<MoveReason, number>>;
  /** Time in which compilations waited for a worker to become ready. */
  readonly waitedForWorkersMs: number;
  readonly workers: readonly WorkerSummary[];
  readonly kernels: readonly KernelSummary[];
}

/** One kernel in the statistics of a pool. */
export interface KernelSummary {
  readonly name: string;
  /** The worker that its runs are sent to; null while there is none. */
  readonly worker: number | null;
  /** Evaluation times on all devices. */
  readonly evaluation: LatencySummary;
}

/**
 * The life of a worker. `retiring` workers compile nothing more but go on evaluating the kernels they hold until each has a
 * place elsewhere and nothing is in flight.
 *
 * ```
 * starting ──▶ standby ──▶ serving ──▶ retiring ──▶ exiting ──▶ exited
 *     └───────────┴───────────┴────────────┴───(death)────────────▲
 * ```
 */
export type WorkerState = 'starting' | 'standby' | 'serving' | 'retiring' | 'exiting' | 'exited';

/** One worker process in the statistics of a pool. */
export interface WorkerSummary {
  readonly id: number;
  readonly pid: number;
  readonly state: WorkerState;
  /** The API through which it uses device `ane`, as it reported itself; null for other devices, and until it is ready. */
  readonly api: AneApi | null;
  readonly kernels: number;
  readonly compilations: number;
  readonly evaluations: number;
  readonly ageMs: number;
  /** Bytes its device holds for programs. */
  readonly residentBytes: number;
  /** Bytes that it copied from the arena into its device's own memory, and back, as it last said. */
  readonly copiedInBytes: number;
  readonly copiedOutBytes: number;
  /** Of those, bytes that a run found copied when it began. */
  readonly prefetchedBytes: number;
  /** Resident memory of its process, as last measured; see `Budget.rssBytes`. */
  readonly rssBytes: number;
  /** Growth of `rssBytes` in 1,000 evaluations; 0 while it is not known, and if `budget` has no limit of memory. */
  readonly rssGrowthBytes: number;
  /** Why it retires; null while it does not. */
  readonly retirement: RetirementReason | null;
  readonly failures: number;
  /** Its own limits; those of several workers differ, so that they do not retire at once. */
  readonly budget: Budget;
  /** Evaluation times on its device. */
  readonly evaluation: LatencySummary;
}
