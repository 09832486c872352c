import { channel } from 'node:diagnostics_channel';

/** A message of the channel `mayfly:progress` of `node:diagnostics_channel`. */
export interface Progress {
  readonly task: 'tokenize' | 'hash' | 'export' | 'evaluate';
  /** The file or folder that is read or written. */
  readonly source: string;
  /** Bytes done; answers of `evaluate`. */
  readonly done: number;
  /** In all. */
  readonly total: number;
}

/** Where long tasks publish their progress, for displays. */
export const progressChannel = channel('mayfly:progress');

/** At most this often, so that displays cost nothing that counts. */
const INTERVAL_MS = 200;

/** Publishes the progress of one task. */
export class ProgressReport {
  readonly #task: Omit<Progress, 'done'>;
  #done = 0;
  #publishedAt = performance.now();

  constructor(task: Omit<Progress, 'done'>) {
    this.#task = task;
  }

  /** Counts bytes (or answers) as done, and publishes the count at most five times a second. */
  add(bytes: number): void {
    this.#done += bytes;
    const now = performance.now();
    if (now - this.#publishedAt < INTERVAL_MS || !progressChannel.hasSubscribers) return;
    this.#publishedAt = now;
    progressChannel.publish({ ...this.#task, done: this.#done } satisfies Progress);
  }
}
