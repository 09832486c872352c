import { DeviceLimitError, type ProgramInfo } from '@mayfly/native';
import type { WorkerStats } from '@mayfly/worker';
import { faultOf, WorkerLostError } from '../errors.js';
import type { Budget, RetirementReason } from './budget.js';
import type { Clock } from './clock.js';

/** The account of a worker: what it used of its budget. */
export interface WorkerUsage {
  /** Compilations begun, whether they succeeded, failed or are under way. */
  readonly compilations: number;
  /** Programs loaded, less those that it was asked to unload. */
  readonly livePrograms: number;
  /** Compilations under way or promised. */
  readonly reserved: number;
  readonly evaluations: number;
  readonly failures: number;
  /** Bytes by which its memory grows in 1,000 evaluations; 0 while that is not known. */
  readonly rssGrowth: number;
  /** Recent evaluations against the worker's own first ones; 1 while that is not known. */
  readonly slowdown: number;
  readonly ageMs: number;
  readonly stats: WorkerStats | null;
  /** Set by `pool.recycle()`: retire regardless of use. */
  readonly replacementRequested: boolean;
}

/** The one predicate of retirement: the limit that a worker has reached, or would reach by the work `next`; or null. */
export function retirementReason(
  usage: WorkerUsage,
  budget: Budget,
  next: 'compilation' | 'evaluation',
): RetirementReason | null {
  if (usage.failures >= budget.failures) return 'failures';
  if (usage.replacementRequested) return 'requested';
  if (usage.evaluations >= budget.evaluations) return 'evaluations';
  if (usage.ageMs >= budget.ageMs) return 'ageMs';
  if ((usage.stats?.residentBytes ?? 0) >= budget.residentBytes) return 'residentBytes';
  if ((usage.stats?.processBytes ?? 0) >= budget.rssBytes) return 'rssBytes';
  if (usage.rssGrowth >= budget.rssGrowthBytes) return 'rssGrowthBytes';
  if (usage.slowdown >= budget.slowdown) return 'slowdown';
  if (next === 'evaluation') return null;
  if (usage.compilations >= budget.compilations) return 'compilations';
  if (usage.livePrograms + usage.reserved >= budget.livePrograms) return 'livePrograms';
  return null;
}

/** What a worker has used of its budget. */
export class Usage implements WorkerUsage {
  compilations = 0;
  livePrograms = 0;
  reserved = 0;
  evaluations = 0;
  failures = 0;
  rssGrowth = 0;
  slowdown = 1;
  stats: WorkerStats | null = null;
  replacementRequested = false;
  /** Compilations under way of programs that were never compiled before. */
  unproven = 0;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #drift: ThroughputDrift | null;
  readonly #growth = new MemoryGrowth();
  /** Evaluations after which memory is measured next. */
  #measureAt: number;

  constructor(budget: Budget, clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    const measured = Number.isFinite(budget.rssBytes) || Number.isFinite(budget.rssGrowthBytes);
    this.#measureAt = measured ? MEASURE_EVERY : Number.POSITIVE_INFINITY;
    this.#drift = Number.isFinite(budget.slowdown) ? new ThroughputDrift() : null;
  }

  get ageMs(): number {
    return this.#clock.now() - this.#startedAt;
  }

  /** Counts a promised compilation as begun. */
  reserve(): void {
    this.compilations += 1;
    this.reserved += 1;
  }

  /** Notes that a promised compilation begins. */
  compiling(proven: boolean): void {
    if (!proven) this.unproven += 1;
  }

  compiled({ compilations }: ProgramInfo, proven: boolean): void {
    this.#ended(proven);
    this.livePrograms += 1;
    // A device may find the program in its cache, and compile nothing.
    if (compilations === 0) this.compilations -= 1;
  }

  /** Takes back the count of a compilation that the device did not begin. */
  compileFailed(error: unknown, proven: boolean): void {
    this.#ended(proven);
    const lost = error instanceof WorkerLostError;
    if (!lost && faultOf(error) === 'caller') this.compilations -= 1;
    else if (lost || proven || error instanceof DeviceLimitError) this.failures += 1;
  }

  #ended(proven: boolean): void {
    this.reserved -= 1;
    if (!proven) this.unproven -= 1;
  }

  /**
   * Counts an evaluation, which took so many nanoseconds if it succeeded, else null. Returns true if it is time to measure the
   * memory of the process.
   */
  evaluated(kernel: object, nanoseconds: number | null): boolean {
    this.evaluations += 1;
    if (nanoseconds !== null && this.#drift !== null) this.slowdown = this.#drift.record(kernel, nanoseconds);
    if (this.evaluations < this.#measureAt) return false;
    this.#measureAt = Number.POSITIVE_INFINITY;
    return true;
  }

  /** Adds a measurement of the memory. */
  measured({ evaluations, processBytes, residentBytes }: WorkerStats): void {
    this.rssGrowth = this.#growth.record(evaluations, processBytes - residentBytes);
    this.#measureAt = this.evaluations + MEASURE_EVERY;
  }
}

/** Evaluations before the baseline of memory, and between two measurements: caches and heaps fill first. */
const MEASURE_EVERY = 1_000;
/** Evaluations over which growth is told from noise. */
const GROWTH_OVER = 4_000;

/** How fast a process's memory grows with its evaluations. */
class MemoryGrowth {
  #base: { readonly evaluations: number; readonly bytes: number } | null = null;

  /** Adds a measurement. Returns the growth in bytes per 1,000 evaluations since the first thousand; 0 while it is not known. */
  record(evaluations: number, bytes: number): number {
    if (this.#base === null) {
      if (evaluations >= MEASURE_EVERY) this.#base = { evaluations, bytes };
      return 0;
    }
    const since = evaluations - this.#base.evaluations;
    return since < GROWTH_OVER ? 0 : Math.max(0, (1000 * (bytes - this.#base.bytes)) / since);
  }
}

/** Evaluations of one kernel that make its own baseline. */
const BASELINE = 1000;
/** Weight of the newest evaluation in the running mean. */
const NEWEST = 1 / 256;

interface Pace {
  count: number;
  baseline: number;
  recent: number;
}

/** How much slower a worker's evaluations are than its own first thousand of the same kernel (some chips tire). */
class ThroughputDrift {
  readonly #paces = new Map<object, Pace>();

  /** Adds an evaluation. Returns its kernel's recent mean over the baseline; 1 while there is no baseline. */
  record(kernel: object, nanoseconds: number): number {
    let pace = this.#paces.get(kernel);
    if (pace === undefined) {
      pace = { count: 0, baseline: 0, recent: 0 };
      this.#paces.set(kernel, pace);
    }
    pace.count += 1;
    if (pace.count <= BASELINE) {
      pace.baseline += (nanoseconds - pace.baseline) / pace.count;
      pace.recent = pace.baseline;
      return 1;
    }
    pace.recent += (nanoseconds - pace.recent) * NEWEST;
    return pace.recent / pace.baseline;
  }
}
