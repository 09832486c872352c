import { plainChannel } from '../tracing.js';

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

/** Of about a step of a small model. */
const DELAY_MS = 100;
const CAPACITY = 1024;
/** Numbers of an activity: its place in the list, doubled, and 1 if the thread waited; beginning; end. */
const STRIDE = 3;

const ended = new Float64Array(STRIDE * CAPACITY);
let count = 0;

/**
 * Notes an activity that has ended, if somebody is subscribed. A step has more than a hundred: a message for each at once, between the evaluations, takes many times
 * as long as all of them together.
 */
export function noteActivity(activity: Activity, waited: boolean, beganMs: number, endedMs: number): void {
  if (!channel.hasSubscribers) return;
  const at = STRIDE * count;
  ended[at] = 2 * activities.indexOf(activity) + Number(waited);
  ended[at + 1] = beganMs;
  ended[at + 2] = endedMs;
  count += 1;
  if (count === CAPACITY) publishActivities();
  else if (count === 1) setTimeout(publishActivities, DELAY_MS).unref();
}

/** Publishes the activities that were noted: before an end, after which they would come too late. */
export function publishActivities(): void {
  for (let at = 0; at < STRIDE * count; at += STRIDE) {
    const kind = ended[at]!;
    const [beganMs, endedMs] = [ended[at + 1]!, ended[at + 2]!];
    const activity = activities[kind >> 1]!;
    channel.publish({ activity, waited: (kind & 1) === 1, beganMs, endedMs } satisfies ActivityMessage);
  }
  count = 0;
}
