import type { Collective } from '../collective/collective.js';
import type { GradientExchange } from '../decoder/gradient-exchange.js';
import type { ExchangeSummary } from './train-summary.js';

/** Measures what the steps of a run send to other ranks, without the messages between steps. */
export class ExchangeMeter {
  readonly #collective: Collective;
  readonly #exchange: GradientExchange | null;
  /** Bytes that were sent outside of steps. */
  #sentApart: number;

  /** @param exchange Null where there is one rank. */
  constructor(collective: Collective, exchange: GradientExchange | null) {
    this.#collective = collective;
    this.#exchange = exchange;
    this.#sentApart = collective.sentBytes;
  }

  /** Does work between steps, whose messages are no part of them. No update is under way. */
  async apart<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#collective.sentBytes;
    try {
      return await work();
    } finally {
      this.#sentApart += this.#collective.sentBytes - before;
    }
  }

  /** What went between the ranks in so many steps since the meter was made; null where there is one rank. */
  summary(steps: number): ExchangeSummary | null {
    if (this.#exchange === null) return null;
    const counted = Math.max(1, steps);
    const { busyMs, exposedMs } = this.#exchange.stats;
    return {
      ranks: this.#collective.size,
      sentBytesPerStep: (this.#collective.sentBytes - this.#sentApart) / counted,
      msPerStep: busyMs / counted,
      hiddenShare: busyMs === 0 ? 0 : Math.max(0, 1 - exposedMs / busyMs),
    };
  }
}
