import { MayflyError } from '@mayfly/native';
import { debug } from '../debug.js';
import type { DeferredEmitter } from '../deferred-emitter.js';
import { poolClosedError } from './errors.js';
import type { PoolEvents } from './types.js';
import type { Clock, Deadline } from './worker/clock.js';

/** Counts the calls that have not settled, refuses those beyond a limit, and waits for the last. */
export class Admission {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #events: DeferredEmitter<PoolEvents>;
  #pending = 0;
  #refused = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  /** @param events Emits `drain` once calls are accepted again after a refusal. */
  constructor(clock: Clock, most: number, events: DeferredEmitter<PoolEvents>) {
    this.#clock = clock;
    this.#most = most;
    this.#events = events;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Whether a call was refused and `drain` has not been emitted since. */
  get needsDrain(): boolean {
    return this.#refused;
  }

  /** Admits a call. Errors: `ERR_QUEUE_FULL`, `ERR_POOL_CLOSED`. */
  admit(): void {
    if (this.#closed) throw poolClosedError();
    if (this.#pending >= this.#most) {
      this.#refused = true;
      debug('a call is refused: %d are pending', this.#pending);
      throw new MayflyError(
        'ERR_QUEUE_FULL',
        `[pool] ${this.#most} calls are pending, the most that maxQueue allows: wait for the event 'drain'`,
      );
    }
    this.#pending += 1;
  }

  /** Admits a call, unless `prepare` throws. */
  admitWith<T>(prepare: () => T): T {
    this.admit();
    try {
      return prepare();
    } catch (error) {
      this.settled();
      throw error;
    }
  }

  /** Counts an admitted call as settled. */
  settled(): void {
    this.#pending -= 1;
    if (this.#refused && this.#pending <= this.#most / 2) {
      this.#refused = false;
      this.#events.emit('drain');
    }
    if (this.#pending === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Refuses every call from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Waits until every call has settled; false if that takes longer than `milliseconds`. */
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
