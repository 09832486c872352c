import { availableParallelism } from 'node:os';
import { type AneApi, invalidArgument, type Precision } from '@mayfly/native';
import { abortSignal, environment, LONGEST_MS, milliseconds, oneOf, text, texts, whole } from '../check.js';
import { chooseAneApi, limitsKey } from '../machine/ane-api.js';
import { processCapacity, refusal, threadCapacity, wholeUpTo } from '../machine/capacity.js';
import { resolveDevice } from '../machine/device.js';
import { readMachineLimits } from '../machine/limits.js';
import { resolvePrecision } from '../machine/precision.js';
import { defaultsOf, nested, type OptionTable, resolveOptions } from '../option-table.js';
import { type Pacing, pacingOptions, resolvePacing } from './fleet/governor.js';
import { type Budget, budgetOf, budgetOptions, resolveBudget } from './worker/budget.js';
import { type Chaos, chaosFaults, chaosRule } from './worker/chaos-transport.js';
import type { WorkerTimeouts } from './worker/worker-process.js';

/** Deadlines in milliseconds. */
export interface PoolTimeouts extends WorkerTimeouts {
  /** From `close()` until calls that have not settled are cut short, as by `destroy()`. Infinity: never. Default 30 s. */
  readonly closeMs: number;
}

/** Options of `createPool`. */
export interface PoolOptions {
  /** A device by name, or `auto`: `ane` where there is one, else `cpu`. Default `auto`. */
  readonly device?: string | undefined;
  /** Processes that evaluate. Default 1: an Apple chip with one Neural Engine gains nothing from more. */
  readonly workers?: number | undefined;
  /** Started processes kept ready to take over. Default 1. */
  readonly standby?: number | undefined;
  /** Threads of each worker's device. Default: the machine's cores divided by `workers`. */
  readonly threads?: number | undefined;
  /**
   * Of the matrix products of device `cpu` and of host math: `exact`, at least as exact as sums of fp16 products in fp32; `fast`, with
   * operands rounded to bf16 on processors that are faster so (`addon.fastMatmul()`); `blas`, by the library that `addon.blas()` names,
   * in fp32; or `auto`, which is `blas` on a Mac and else `exact`. Default `auto`. Other devices have their own products; beside them
   * `fast` is `exact`.
   */
  readonly precision?: Precision | 'auto' | undefined;
  /** Size of the arena in bytes; only what is used is committed. Default 4 GiB. */
  readonly arenaBytes?: number | undefined;
  /** When a worker retires. Default: what `mayfly doctor --probe-limits` measured here, else as `Budget` says. */
  readonly budget?: Partial<Budget> | undefined;
  /** Calls (compilations, runs and updates) not yet settled, over which the pool refuses more with `ERR_QUEUE_FULL`. Default 65536. */
  readonly maxQueue?: number | undefined;
  /** Workers that may end, or whose device may fail, during the same work before its kernel is quarantined. Default 3. */
  readonly attempts?: number | undefined;
  /** Deadlines in milliseconds. Default: those that `PoolTimeouts` names. */
  readonly timeouts?: Partial<PoolTimeouts> | undefined;
  /** How fast workers start and kernels compile. Default: what `Pacing` names for the device. */
  readonly pacing?: Partial<Pacing> | undefined;
  /**
   * Environment variables of the workers. Node's own (`NODE_…`) are left out; options of the workers' Node are `execArgv`.
   * Default: `process.env`, as it is when a worker starts.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Options of the Node that runs the workers, such as `--max-old-space-size=64`. Default: none. */
  readonly execArgv?: readonly string[] | undefined;
  /** Faults to be injected, for tests of what is built on a pool. Default none. */
  readonly chaos?: Partial<ChaosOptions> | undefined;
  /** Ends the start when it is aborted, with its reason. Has no effect on a started pool. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Faults that a pool injects into its own workers, for tests of what is built on it. */
export interface ChaosOptions {
  /** Probabilities of faults, as `Chaos` says. Default: 0 for each that is left out. */
  readonly faults: Partial<Chaos>;
  /** Decides their order. Default 0. */
  readonly seed: number;
}

export interface FilledPoolOptions {
  readonly device: string;
  /** Why this device, in a few words. */
  readonly deviceReason: string;
  /** The API of device `ane`; null for others. */
  readonly aneApi: AneApi | null;
  readonly workers: number;
  readonly standby: number;
  readonly threads: number;
  readonly precision: Precision;
  readonly arenaBytes: number;
  readonly budget: Budget;
  readonly maxQueue: number;
  readonly attempts: number;
  readonly timeouts: PoolTimeouts;
  readonly pacing: Pacing;
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  readonly execArgv: readonly string[];
  readonly chaos: { readonly faults: Chaos; readonly seed: number } | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A timer has to be able to wait for the sum of two deadlines. */
const deadline = milliseconds(1, { most: Math.floor(LONGEST_MS / 2) });
const deadlineOrNever = milliseconds(1, { most: Math.floor(LONGEST_MS / 2), orNever: true });

/** The table of `PoolTimeouts`. A cold Node process starts in 0.1 s; a machine short of memory needs many times that. */
export const timeoutOptions = {
  startMs: { rule: deadline, default: 30_000 },
  dispatchMs: { rule: deadline },
  compileMs: { rule: deadline },
  abandonMs: { rule: deadlineOrNever, default: 1_000 },
  exitMs: { rule: deadline, default: 5_000 },
  closeMs: { rule: deadlineOrNever, default: 30_000 },
} as const satisfies OptionTable<PoolTimeouts>;

const chaosOptions = {
  faults: { rule: chaosRule, default: {} },
  seed: { rule: whole(0), default: 0 },
} as const satisfies OptionTable<ChaosOptions>;

/** The table of `PoolOptions`. Other tables take rows from it, with the flags and help of the command. */
export const poolOptions = {
  device: {
    rule: text,
    default: 'auto',
    flag: '--device <name>',
    help: 'auto, ane, cpu or sim:<chip>',
  },
  workers: {
    rule: wholeUpTo(1, processCapacity),
    default: 1,
    flag: '--workers <n>',
    help: 'processes that evaluate kernels',
  },
  standby: {
    rule: wholeUpTo(0, processCapacity),
    default: 1,
    flag: '--standby <n>',
    help: 'started processes kept ready to take over',
  },
  threads: {
    rule: wholeUpTo(1, threadCapacity),
    derive: ({ workers }) => Math.max(1, Math.floor(availableParallelism() / Number(workers))),
    defaultText: 'cores / workers',
    flag: '--threads <n>',
    help: "threads of each worker's device",
  },
  precision: {
    rule: oneOf('auto', 'exact', 'fast', 'blas'),
    default: 'auto',
    defaultText: 'auto: on a Mac blas, else exact',
    flag: '--precision <kind>',
    help: 'matrix products on the cpu: auto, exact, fast (bf16 operands, where that is faster) or blas (Accelerate)',
  },
  arenaBytes: { rule: whole(1), default: 4 * 2 ** 30 },
  budget: nested<Budget>(budgetOptions),
  maxQueue: { rule: whole(1), default: 65_536 },
  attempts: { rule: whole(1), default: 3 },
  timeouts: nested<PoolTimeouts>(timeoutOptions),
  pacing: nested<Pacing>(pacingOptions),
  env: { rule: environment },
  execArgv: { rule: texts, default: [] },
  chaos: nested<ChaosOptions>(chaosOptions),
  signal: { rule: abortSignal },
} as const satisfies OptionTable<PoolOptions>;

/** Checks the user's options and fills in defaults. */
export function resolvePoolOptions(given?: PoolOptions): FilledPoolOptions {
  const { options } = resolveOptions('createPool', poolOptions, given);
  const { device, deviceReason } = resolveDevice(options.device);
  const { api, reason } = chooseAneApi(device, options.env ?? process.env);
  const { budget, timeouts, pacing, chaos, workers, standby } = options;
  const excess = refusal(1, workers + standby, processCapacity());
  if (excess !== null) throw invalidArgument('workers and standby together', excess, workers + standby);
  return {
    ...options,
    ...{ device, aneApi: api, precision: resolvePrecision(options.precision) },
    deviceReason: reason === '' ? deviceReason : `${deviceReason}; API ${api}: ${reason}`,
    budget: resolveBudget(budget, budgetOf(readMachineLimits(limitsKey(device, api)), api)),
    timeouts: resolveOptions('timeouts', timeoutOptions, timeouts, { prefix: 'timeouts.' }).options,
    pacing: resolvePacing(device, pacing),
    chaos: chaos === undefined ? undefined : resolveChaos(chaos),
  };
}

function resolveChaos(given: Partial<ChaosOptions>): FilledPoolOptions['chaos'] {
  const { faults, seed } = resolveOptions('chaos', chaosOptions, given, { prefix: 'chaos.' }).options;
  return { faults: { ...defaultsOf(chaosFaults), ...faults }, seed };
}
