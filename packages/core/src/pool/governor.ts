import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';

/** Paces what strains the system's services: starts, and restarts after deaths. All values per pool. */
export interface Pacing {
  /** Workers being started at once. Default 1: a second start would only compete for the same cores. */
  readonly concurrentStarts: number;
  /** Pause before the start that follows the second death in a row; doubles with each further one. Default 100. */
  readonly backoffMs: number;
  /** Longest such pause. Default 5000. */
  readonly maxBackoffMs: number;
  /** Deaths in a row, without work done in between, after which the pool fails. Default 5. */
  readonly maxDeaths: number;
}

export const defaultPacing: Pacing = { concurrentStarts: 1, backoffMs: 100, maxBackoffMs: 5000, maxDeaths: 5 };

/** Decides when a worker may be started, and when it is time to give up. */
export class Governor {
  readonly #starts: PQueue;
  readonly #stop = new AbortController();
  #deaths = 0;

  constructor(readonly pacing: Pacing) {
    this.#starts = new PQueue({ concurrency: pacing.concurrentStarts });
  }

  /** Deaths since work was last done. */
  get deaths(): number {
    return this.#deaths;
  }

  get exhausted(): boolean {
    return this.#deaths >= this.pacing.maxDeaths;
  }

  /** Calls `start` when its turn has come; the turn lasts until the promise it returns settles. */
  async schedule(start: () => Promise<void>): Promise<void> {
    await this.#starts.add(async () => {
      const pause = this.#deaths < 2 ? 0 : this.pacing.backoffMs * 2 ** (this.#deaths - 2);
      try {
        if (pause > 0) await sleep(Math.min(pause, this.pacing.maxBackoffMs), undefined, { signal: this.#stop.signal });
      } catch {
        return;
      }
      if (!this.#stop.signal.aborted) await start();
    });
  }

  /** A worker ended unasked. */
  noteDeath(): void {
    this.#deaths += 1;
  }

  /** A compilation or an evaluation was done. */
  noteProgress(): void {
    this.#deaths = 0;
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stop.abort();
    this.#starts.clear();
  }
}
