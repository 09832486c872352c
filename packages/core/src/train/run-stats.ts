import type { Activity } from '../decoder/activities.js';
import type { Pool } from '../pool/pool.js';
import type { ExchangeSummary } from './train-summary.js';

/** Milliseconds between two records `stats` of a run's log, at least. */
const EVERY_MS = 30_000;

/**
 * Writes the records `stats`: at the start of training, every 30 seconds and at its end. Dispatches are not logged one by one: these
 * records count them, by kernel, since the start of the process.
 */
export class RunStats {
  readonly #pool: Pool;
  readonly #write: (fields: object) => void;
  readonly #exchange: () => ExchangeSummary | null;
  #writtenAt = Number.NEGATIVE_INFINITY;

  /** @param exchange What went between the ranks; null where there is one. */
  constructor(pool: Pool, write: (fields: object) => void, exchange: () => ExchangeSummary | null) {
    this.#pool = pool;
    this.#exchange = exchange;
    this.#write = write;
  }

  /** Call it after every step. Writes a record if one is due. */
  look(step: number, activityMs: Readonly<Record<Activity, number>>): void {
    if (performance.now() - this.#writtenAt >= EVERY_MS) this.write(step, activityMs);
  }

  write(step: number, activityMs: Readonly<Record<Activity, number>>): void {
    this.#writtenAt = performance.now();
    const { workers, kernels, ...counts } = this.#pool.stats();
    const { bytes, usedBytes } = this.#pool.arena;
    const exchange = this.#exchange();
    this.#write({
      step,
      ...(exchange && { exchange }),
      ...counts,
      activityMs,
      memory: { mainBytes: process.memoryUsage.rss(), arenaBytes: bytes, arenaUsedBytes: usedBytes },
      workers: workers.map(({ budget: _, evaluation: __, api: ___, ...worker }) => worker),
      kernels: kernels.map(({ name, worker, evaluation }) => ({ name, worker, ...evaluation })),
    });
  }
}
