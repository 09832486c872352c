/**
 * What the main process spends its time on: waiting for kernels; computing host math, or waiting for it on the queue; waiting for
 * weight gradients (host threads); waiting for compilations and weight updates; handing work to workers and to the queue.
 */
export const activities = ['kernels', 'hostMath', 'hostThreads', 'compile', 'dispatch'] as const;
export type Activity = (typeof activities)[number];

/** Milliseconds per activity. Activities of the main process never overlap, so they add up to at most the wall time. */
export class Stopwatch {
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
    const start = performance.now();
    try {
      return await promise;
    } finally {
      this.#milliseconds[activity] += performance.now() - start;
    }
  }
}
