import { plainChannel } from '../tracing.js';
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

/** A message on `mayfly:activity`: something that the main process did or waited for. Times are those of `performance.now()`. */
export interface ActivityMessage {
  readonly activity: Activity;
  /** Whether the main thread waited, and was free for other work. */
  readonly waited: boolean;
  readonly beganMs: number;
  readonly endedMs: number;
}

const channel = plainChannel('mayfly:activity');

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
      this.#add(activity, false, start);
    }
  }

  /** Times the wait for a promise. */
  async wait<T>(activity: Activity, promise: Promise<T>): Promise<T> {
    this.work.waited(activity);
    const start = performance.now();
    try {
      return await promise;
    } finally {
      this.#add(activity, true, start);
    }
  }

  #add(activity: Activity, waited: boolean, beganMs: number): void {
    const endedMs = performance.now();
    this.#milliseconds[activity] += endedMs - beganMs;
    if (channel.hasSubscribers) channel.publish({ activity, waited, beganMs, endedMs } satisfies ActivityMessage);
  }
}
