import type { Ranks } from './ranks.js';

/**
 * Whether a run is to end before its last step. Of one process its signal decides; with several ranks, the signal of any of them, once all
 * of them know: they learn it with every step, so that all end after the same one.
 */
export class Ending {
  readonly #signal: AbortSignal | undefined;
  readonly #ranks: Ranks;
  readonly #interruption = new Error('the run ends');
  #isAgreed = false;

  constructor(signal: AbortSignal | undefined, ranks: Ranks) {
    this.#signal = signal;
    this.#ranks = ranks;
  }

  /** The signal, where it may end the work of this process at once. */
  get signal(): AbortSignal | undefined {
    return this.#ranks.size === 1 ? this.#signal : undefined;
  }

  /** Whether the signal of this rank is aborted. */
  get isWanted(): boolean {
    return this.#signal?.aborted ?? false;
  }

  /** Whether the run ends now. */
  get isAgreed(): boolean {
    return this.#ranks.size === 1 ? this.isWanted : this.#isAgreed;
  }

  /** Ends work that the ranks share, after which all of them know. */
  interrupt(): never {
    this.#isAgreed = true;
    throw this.#interruption;
  }

  /** Whether an error means that the run ends. */
  interrupted(error: unknown): boolean {
    return error === this.#interruption || (this.isAgreed && error === this.#signal?.reason);
  }

  /** Takes whether the signal of any rank was aborted. */
  agree(isWanted: boolean): void {
    this.#isAgreed ||= isWanted;
  }

  /** Asks every rank. */
  async ask(): Promise<void> {
    if (this.#ranks.size === 1) return;
    const wishes = await this.#ranks.gatherNumbers([Number(this.isWanted)]);
    this.agree(wishes.some(([isWanted]) => isWanted === 1));
  }
}
