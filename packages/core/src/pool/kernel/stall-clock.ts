import type { MoveReason } from './kernel-host.js';

/** Measures how long a kernel has work and no place to do it. */
export class StallClock {
  /** Why it has none. */
  reason: MoveReason = 'compile';
  readonly #stalled: (reason: MoveReason, milliseconds: number) => void;
  #since = 0;

  /** @param stalled Told of the end of each such time. */
  constructor(stalled: (reason: MoveReason, milliseconds: number) => void) {
    this.#stalled = stalled;
  }

  /** Idempotent. */
  start(): void {
    if (this.#since === 0) this.#since = performance.now();
  }

  /** Idempotent. */
  stop(): void {
    if (this.#since === 0) return;
    this.#stalled(this.reason, performance.now() - this.#since);
    this.#since = 0;
  }
}
