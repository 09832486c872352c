import type { NativeArena } from './arena.js';

/** How a group is joined. */
export interface JoinOptions {
  /** Names of MPI's library; the first that is there is loaded. */
  readonly files: readonly string[];
  /** The launcher, for messages. */
  readonly launcher: string;
  /** As the launcher's environment has them. */
  readonly rank: number;
  readonly size: number;
  /** Bytes that are summed at once; the same on all ranks. */
  readonly sliceBytes: number;
  /** Milliseconds; Infinity for no deadline. */
  readonly timeoutMs: number;
}

/** One operation of a group; ranges lie in `arena`. */
export interface CollectiveCall {
  readonly kind: 'allReduce' | 'reduce' | 'allGather' | 'broadcast' | 'barrier' | 'exchange' | 'close';
  readonly timeoutMs: number;
  /** Of a reduce, its owner. */
  readonly root: number;
  readonly ranges: readonly { readonly offset: number; readonly bytes: number }[];
  readonly arena?: NativeArena | undefined;
  /** Of an exchange. */
  readonly message?: Uint8Array | undefined;
}

/**
 * The ranks that a launcher started, joined by MPI, which is loaded at run time. One group in the life of a process. Errors:
 * `ERR_COLLECTIVE`.
 */
export interface NativeCollective {
  open(options: JoinOptions): Promise<void>;
  /** Calls are queued. The promise of an exchange has every rank's message. */
  run(call: CollectiveCall): Promise<Uint8Array[] | undefined>;
  /** Fails all calls that are pending or follow, on every rank. */
  cancel(): void;
  /** The library's name and version, in one line; empty before `open` has resolved. */
  library(): string;
  /** Bytes of data that were sent. */
  sentBytes(): number;
  /** Calls MPI no more. */
  leave(): void;
  /** Ends the processes of all ranks. */
  abort(code: number): never;
}
