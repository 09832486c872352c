import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';

/** A channel of node:diagnostics_channel, kept for good: one that nothing refers to is collected, and made anew by the next subscriber. */
export const plainChannel = (name: string): Channel => channel(name);

/** The channels of work with a beginning and an end: `tracing:<name>:start`, `:end`, `:asyncStart`, `:asyncEnd` and `:error`. */
export type Tracing = TracingChannel<object, object>;

export const tracing = (name: string): Tracing => tracingChannel<object, object>(name);

/** Whether anything is subscribed. `TracingChannel.hasSubscribers` does not exist before Node 20.13. */
export const isWatched = ({ start, end, asyncStart, asyncEnd, error }: Tracing): boolean =>
  start.hasSubscribers ||
  asyncEnd.hasSubscribers ||
  end.hasSubscribers ||
  asyncStart.hasSubscribers ||
  error.hasSubscribers;

/**
 * Publishes the beginning and the end of `work`, which may complete the message meanwhile. Without subscribers no message is made.
 *
 * @param work Gets the message, or null.
 */
export function traced<Message extends object, Result>(
  channels: Tracing,
  message: () => Message,
  work: (message: Message | null) => Promise<Result>,
): Promise<Result> {
  if (!isWatched(channels)) return work(null);
  const made = message();
  return channels.tracePromise(() => work(made), made);
}

/** Publishes the beginning of work whose end `finish` publishes. */
export function begin(channels: Tracing, message: object): void {
  channels.start.publish(message);
  channels.end.publish(message);
}

/** @param error Why the work failed; null if it did not. */
export function finish(channels: Tracing, message: { error?: unknown }, error: unknown): void {
  if (error !== null) {
    message.error = error;
    channels.error.publish(message);
  }
  channels.asyncStart.publish(message);
  channels.asyncEnd.publish(message);
}

const origin = Number(process.hrtime.bigint()) - 1e6 * performance.now();

/** The `performance.now()` of a time of `process.hrtime`, which is the same clock in all processes of a machine. */
export const nowOf = (hrtimeNanoseconds: number): number => (hrtimeNanoseconds - origin) / 1e6;
