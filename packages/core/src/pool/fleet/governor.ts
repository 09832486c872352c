import { type ChipProfile, isSimName, loadProfile, machineProfile, parseSimName } from '@mayfly/native';
import PQueue from 'p-queue';
import { limit, milliseconds, whole } from '../../check.js';
import { type OptionTable, resolveOptions } from '../../option-table.js';
import type { Clock } from '../worker/clock.js';
import type { Health } from './health.js';

/** The pace of starts, compilations and restarts after deaths, which strain the system's services. All values are per pool. */
export interface Pacing {
  /** Workers being started at once. Default 1: a second start would only compete for the same cores. */
  readonly concurrentStarts: number;
  /** Pause before the start that follows the second death in a row; doubles with each further one. Default 100. */
  readonly backoffMs: number;
  /** Longest such pause. Default 5000. */
  readonly maxBackoffMs: number;
  /**
   * Deaths in a row without work done in between, or failed starts in a row, after which calls no longer wait for a worker, but fail.
   * While other workers serve, starts go on every `maxBackoffMs`. Default 5.
   */
  readonly maxDeaths: number;
  /**
   * Pause between the exit of a worker that held programs and the next start: teardown is not instant. Default 0, on the ane
   * device the value of its chip's profile.
   */
  readonly settleMs: number;
  /** Pause after a compilation that the device failed. Default as for `settleMs`. */
  readonly failureMs: number;
  /** Compilations per second over all workers. Default Infinity, or the value of the profile. */
  readonly compilationsPerSecond: number;
}

/** Compilations per second: one a day. */
const SLOWEST = 1e-5;

/** The table of `Pacing`. */
export const pacingOptions = {
  concurrentStarts: { rule: whole(1, 64), default: 1 },
  backoffMs: { rule: milliseconds(0), default: 100 },
  maxBackoffMs: { rule: milliseconds(0), default: 5000 },
  maxDeaths: { rule: limit(1), default: 5 },
  settleMs: { rule: milliseconds(0), default: 0 },
  failureMs: { rule: milliseconds(0), default: 0 },
  compilationsPerSecond: {
    // The pause between two of them has to fit a timer.
    rule: limit(SLOWEST),
    default: Number.POSITIVE_INFINITY,
  },
} as const satisfies OptionTable<Pacing>;

/** Pacing from the options, else from the profile of the device's chip, else the defaults. */
export function resolvePacing(device: string, given?: Partial<Pacing>): Pacing {
  const { settleMs, failureMs, compilationsPerSecond } = profileOf(device)?.pacing ?? {};
  const defaults = {
    ...(settleMs === undefined ? {} : { settleMs: settleMs.value }),
    ...(failureMs === undefined ? {} : { failureMs: failureMs.value }),
    ...(compilationsPerSecond === undefined ? {} : { compilationsPerSecond: compilationsPerSecond.value }),
  };
  return resolveOptions('pacing', pacingOptions, given, { prefix: 'pacing.', defaults }).options;
}

/** An unknown chip gets the profile of the first one. A simulated chip is paced only as `sim:<chip>,pacing`. */
function profileOf(device: string): ChipProfile | null {
  if (device === 'ane') return machineProfile() ?? loadProfile('m1');
  if (!isSimName(device)) return null;
  const { profile, pacing } = parseSimName(device);
  return pacing ? profile : null;
}

/** Decides when a worker may be started and a program compiled. */
export class Governor {
  readonly #starts: PQueue;
  readonly #compilations: PQueue | null;
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #pauses = new Set<() => void>();
  #stopped = false;
  #startAfter = 0;
  #compileAfter = 0;

  /**
   * @param health Its deaths in a row make starts slower.
   * @param clock The time of all pauses.
   */
  constructor(
    readonly pacing: Pacing,
    health: Health,
    clock: Clock,
  ) {
    this.#health = health;
    this.#clock = clock;
    this.#starts = new PQueue({ concurrency: pacing.concurrentStarts });
    const { compilationsPerSecond } = pacing;
    this.#compilations = Number.isFinite(compilationsPerSecond)
      ? new PQueue({ interval: 1000 / compilationsPerSecond, intervalCap: 1 })
      : null;
  }

  /** Calls `start` when a start is allowed. The next start is allowed when the promise of `start` has settled. */
  async start(start: () => Promise<void>): Promise<void> {
    await this.#starts.add(async () => {
      const { backoffMs, maxBackoffMs } = this.pacing;
      const { deaths } = this.#health;
      const backoff = deaths < 2 ? 0 : Math.min(backoffMs * 2 ** (deaths - 2), maxBackoffMs);
      if (await this.#pause(Math.max(backoff, this.#startAfter - this.#clock.now()))) await start();
    });
  }

  /** Settles when one more program may be compiled. */
  async compilation(): Promise<void> {
    await this.#compilations?.add(() => {});
    await this.#pause(this.#compileAfter - this.#clock.now());
  }

  /** A worker that had programs loaded exited. */
  exitedHot(): void {
    this.#startAfter = this.#clock.now() + this.pacing.settleMs;
  }

  /** The device failed a compilation. */
  compilationFailed(): void {
    this.#compileAfter = this.#clock.now() + this.pacing.failureMs;
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#starts.clear();
    for (const over of this.#pauses) over();
  }

  /** Waits; returns false if the governor was stopped meanwhile. */
  async #pause(milliseconds: number): Promise<boolean> {
    if (milliseconds > 0 && !this.#stopped) {
      await new Promise<void>((resolve) => {
        const deadline = this.#clock.after(milliseconds, () => over());
        const over = () => {
          deadline.cancel();
          this.#pauses.delete(over);
          resolve();
        };
        this.#pauses.add(over);
      });
    }
    return !this.#stopped;
  }
}
