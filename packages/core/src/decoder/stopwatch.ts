import { type Activity, noteActivity } from './activities.js';
import { WorkCounter } from './work-counter.js';

/** An activity under way. */
interface Begun {
  readonly activity: Activity;
  readonly waited: boolean;
}

/**
 * Milliseconds per activity, and the work done. Passes in flight wait at the same time: then the time is that of a call on the main thread, else
 * of the wait that began first. So activities never overlap, and add up to at most the wall time.
 */
export class Stopwatch {
  readonly work = new WorkCounter();
  readonly #milliseconds: Record<Activity, number> = {
    kernels: 0,
    hostMath: 0,
    hostThreads: 0,
    compile: 0,
    dispatch: 0,
  };

  /** Waits under way, in the order of their beginnings, and calls on the main thread. */
  readonly #waits = new Set<Begun>();
  readonly #calls: Begun[] = [];
  /** The one whose time it is, and since when. */
  #current: Begun | null = null;
  #since = 0;

  get milliseconds(): Readonly<Record<Activity, number>> {
    return { ...this.#milliseconds };
  }

  /** Times a call on the main thread. */
  time<T>(activity: Activity, call: () => T): T {
    this.#calls.push({ activity, waited: false });
    this.#turn();
    try {
      return call();
    } finally {
      this.#calls.pop();
      this.#turn();
    }
  }

  /** Times the wait for a promise, and counts it. */
  wait<T>(activity: Activity, promise: Promise<T>): Promise<T> {
    this.work.waited(activity);
    return this.resume(activity, promise);
  }

  /** Times the rest of a wait that was counted before. */
  async resume<T>(activity: Activity, promise: Promise<T>): Promise<T> {
    const begun = { activity, waited: true };
    this.#waits.add(begun);
    this.#turn();
    try {
      return await promise;
    } finally {
      this.#waits.delete(begun);
      this.#turn();
    }
  }

  /** Something began or ended: the time until now belongs to what was the current activity. */
  #turn(): void {
    const [first = null] = this.#waits;
    const next = this.#calls.at(-1) ?? first;
    if (next === this.#current) return;
    const endedMs = performance.now();
    const beganMs = this.#since;
    if (this.#current !== null) {
      const { activity, waited } = this.#current;
      this.#milliseconds[activity] += endedMs - beganMs;
      noteActivity(activity, waited, beganMs, endedMs);
    }
    this.#current = next;
    this.#since = endedMs;
  }
}
