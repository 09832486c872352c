/** A way to have work done elsewhere, as the benchmarks drive it. One worker each. */
export interface Contender {
  readonly name: string;
  readonly isolation: 'process' | 'thread';
  /** A pool schedules and survives; a primitive only carries. */
  readonly kind: 'pool' | 'primitive';
  open(): Promise<Session>;
}

export interface Session {
  /** The least work: a few words there, a few words back. */
  ping(): Promise<unknown>;
  /** 1.5 MiB of fp32 there and as much back. */
  bulk?(): Promise<unknown>;
  /** What the work of the last call took where it was done, in microseconds: nothing for an echo. */
  lastWorkMicroseconds?(): number;
  /** What the work of `bulk` costs where it is called without any pool, in microseconds per call. */
  bulkWorkMicroseconds?(): number;
  close(): Promise<unknown> | unknown;
}

export const BULK_FLOATS = 393_216;

/** As much as a dispatch says: program, input and output. */
export const pingMessage = { program: 1, input: 0, output: 4096 };

export const workerFile = (name: string): string => new URL(`./${name}`, import.meta.url).pathname;
