import { MayflyError } from '@mayfly/native';
import { poolClosedError } from './errors.js';
import type { Clock, Deadline } from './worker/clock.js';

/** Calls that have not settled: how many there may be, and when there are none. */
export class Calls {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #onDrain: () => void;
  #pending = 0;
  #refused = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  /** @param onDrain Told when calls are taken again after some were refused. */
  constructor(clock: Clock, most: number, onDrain: () => void) {
    this.#clock = clock;
    this.#most = most;
    this.#onDrain = onDrain;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Counts a call in. Errors: `ERR_QUEUE_FULL`, `ERR_POOL_CLOSED`. */
  admit(): void {
    if (this.#closed) throw poolClosedError();
    if (this.#pending >= this.#most) {
      this.#refused = true;
      throw new MayflyError('ERR_QUEUE_FULL', `Expected at most ${this.#most} calls at once: wait for 'drain'`);
    }
    this.#pending += 1;
  }

  /** Counts a call in, and out again where what it brings cannot be had. */
  admitWith<T>(prepare: () => T): T {
    this.admit();
    try {
      return prepare();
    } catch (error) {
      this.settled();
      throw error;
    }
  }

  /** Counts it out. */
  settled(): void {
    this.#pending -= 1;
    if (this.#refused && this.#pending <= this.#most / 2) {
      this.#refused = false;
      this.#onDrain();
    }
    if (this.#pending === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Takes no more. */
  close(): void {
    this.#closed = true;
  }

  /** Waits until every call has settled; false where that took longer than so many milliseconds. */
  async idle(milliseconds: number): Promise<boolean> {
    if (this.#pending === 0) return true;
    let deadline: Deadline | undefined;
    const late = new Promise<boolean>((resolve) => {
      deadline = this.#clock.after(milliseconds, () => resolve(false));
    });
    const idle = new Promise<boolean>((resolve) => this.#whenIdle.push(() => resolve(true)));
    try {
      return await Promise.race([idle, late]);
    } finally {
      deadline?.cancel();
    }
  }
}
