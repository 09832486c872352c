import { availableParallelism } from 'node:os';
import { addon, invalidArgument, isSimName, MayflyError, type Precision, parseSimName } from '@mayfly/native';
import { type Pacing, resolvePacing } from './fleet/governor.js';
import { budgetOf, readMachineLimits } from './fleet/machine-limits.js';
import { type Budget, resolveBudget } from './worker/budget.js';
import type { Chaos } from './worker/chaos-transport.js';
import { LONGEST_MS } from './worker/clock.js';
import type { WorkerTimeouts } from './worker/worker-setup.js';

/** Deadlines in milliseconds. */
export interface PoolTimeouts extends WorkerTimeouts {
  /** From `close()` until calls that have not settled are cut short, as by `destroy()`. Infinity: never. Default 30 s. */
  readonly closeMs: number;
}

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
   * Of the matrix products of device `cpu`: `exact`, at least as exact as sums of fp16 products in fp32, or `fast`, with operands
   * rounded to bf16 on processors that are faster so (`addon.fastProducts()`). Default `exact`. Other devices have their own.
   */
  readonly precision?: Precision | undefined;
  /** Size of the arena in bytes; only what is used is committed. Default 4 GiB. */
  readonly arenaBytes?: number | undefined;
  /** When a worker retires. Default: what `mayfly doctor --probe-limits` measured here, else as `Budget` says. */
  readonly budget?: Partial<Budget> | undefined;
  /** Calls (compilations, runs and updates) not yet settled, over which the pool refuses more with `ERR_QUEUE_FULL`. Default 65536. */
  readonly maxQueue?: number | undefined;
  /** Workers that may end, or whose device may fail, during the same work before its kernel is quarantined. Default 3. */
  readonly attempts?: number | undefined;
  readonly timeouts?: Partial<PoolTimeouts> | undefined;
  readonly pacing?: Partial<Pacing> | undefined;
  /** Faults to be injected, for tests of what is built on a pool, in an order that only `seed` (default 0) decides. Default none. */
  readonly chaos?: { readonly faults?: Partial<Chaos> | undefined; readonly seed?: number | undefined } | undefined;
}

export interface FilledPoolOptions {
  readonly device: string;
  /** Why this device, in a few words. */
  readonly deviceReason: string;
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
  readonly chaos: PoolOptions['chaos'];
}

/** A cold Node process needs 0.1 s; a machine under memory pressure needs many of those. */
const defaultTimeouts: PoolTimeouts = {
  startMs: 30_000,
  dispatchMs: undefined,
  compileMs: undefined,
  abandonMs: 1_000,
  exitMs: 5_000,
  closeMs: 30_000,
};

/** Checks the user's options and fills in defaults. */
export function resolvePoolOptions(given: PoolOptions = {}): FilledPoolOptions {
  const { device, deviceReason } = resolveDevice(given.device ?? 'auto');
  const workers = whole('workers', given.workers ?? 1, 1);
  return {
    device,
    deviceReason,
    workers,
    standby: whole('standby', given.standby ?? 1, 0),
    threads: whole('threads', given.threads ?? Math.max(1, Math.floor(availableParallelism() / workers)), 1),
    precision: oneOf('precision', given.precision ?? 'exact', ['exact', 'fast']),
    arenaBytes: whole('arenaBytes', given.arenaBytes ?? 4 * 2 ** 30, 1),
    budget: resolveBudget({ ...budgetOf(readMachineLimits(device)), ...given.budget }),
    maxQueue: whole('maxQueue', given.maxQueue ?? 65_536, 1),
    attempts: whole('attempts', given.attempts ?? 3, 1),
    timeouts: resolveTimeouts(given.timeouts),
    pacing: resolvePacing(device, given.pacing),
    chaos: given.chaos,
  };
}

/** Two of them are added at most, and a timer must be able to wait for the sum. */
const LONGEST_TIMEOUT_MS = Math.floor(LONGEST_MS / 2);

function resolveTimeouts(given: Partial<PoolTimeouts> = {}): PoolTimeouts {
  const timeouts = { ...defaultTimeouts, ...given };
  for (const [name, value] of Object.entries(timeouts)) {
    const never = value === Number.POSITIVE_INFINITY && (name === 'closeMs' || name === 'abandonMs');
    const computed = value === undefined && (name === 'dispatchMs' || name === 'compileMs');
    if (never || computed || (typeof value === 'number' && value >= 1 && value <= LONGEST_TIMEOUT_MS)) continue;
    throw invalidArgument(`timeouts.${name}`, `milliseconds from 1 to ${LONGEST_TIMEOUT_MS}`, value);
  }
  return timeouts;
}

function whole(name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw invalidArgument(name, `a whole number from ${least} up`, value);
}

function oneOf<Choice extends string>(name: string, value: unknown, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw invalidArgument(name, choices.join(' or '), value);
}

/** Nothing falls back silently: `auto` says what it chose and why, a named device that is missing is an error. */
export function resolveDevice(wanted: string): { device: string; deviceReason: string } {
  const present = addon.deviceNames();
  if (wanted === 'auto') {
    if (present.includes('ane')) return { device: 'ane', deviceReason: 'an Apple Neural Engine is present' };
    return { device: 'cpu', deviceReason: `no Apple Neural Engine on ${process.platform}/${process.arch}` };
  }
  if (isSimName(wanted)) {
    const { profile } = parseSimName(wanted);
    return { device: wanted, deviceReason: `a simulated ${profile.title}` };
  }
  if (present.includes(wanted)) return { device: wanted, deviceReason: 'asked for' };
  const names = ['auto', ...present, 'sim:<chip>'].join(', ');
  throw new MayflyError('ERR_DEVICE_UNAVAILABLE', `Expected device to be one of ${names}, got \`${wanted}\``);
}
