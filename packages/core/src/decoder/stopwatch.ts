import { WorkCounter } from './work-counter.js';

/**
 * An activity of the main process: `kernels`, waiting for kernels; `hostMath`, computing host math or waiting for it on the queue;
 * `hostThreads`, waiting for weight gradients; `compile`, waiting for compilations and weight updates; `dispatch`, handing work to
 * workers and to the queue.
 */
export type Activity = 'kernels' | 'hostMath' | 'hostThreads' | 'compile' | 'dispatch';

/** All activities, in the order of tables. */
export const activities = [
  'kernels',
  'hostMath',
  'hostThreads',
  'compile',
  'dispatch',
] as const satisfies readonly Activity[];

/** Milliseconds per activity, and the work done. Activities of the main process never overlap, so they add up to at most the wall time. */
export class Stopwatch {
  readonly work = new WorkCounter();
  readonly #milliseconds: Record<Activity, number> = {
    kernels: 0,
    hostMath: 0,
    hostThreads: 0,
    compile: 0,
    dispatch: 0,
  };

  get milliseconds(): Readonly<Record<Activity, number>> {
    return { ...this.#milliseconds };
  }

  /** Times a call on the main thread. */
  time<T>(activity: Activity, call: () => T): T {
    const start = performance.now();
    try {
      return call();
    } finally {
      this.#milliseconds[activity] += performance.now() - start;
    }
  }

  /** Times the wait for a promise. */
  async wait<T>(activity: Activity, promise: Promise<T>): Promise<T> {
    this.work.waited(activity);
    const start = performance.now();
    try {
      return await promise;
    } finally {
      this.#milliseconds[activity] += performance.now() - start;
    }
  }
}
