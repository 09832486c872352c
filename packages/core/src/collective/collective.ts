import type { NativeArena } from '@mayfly/native';

/** Bytes of an arena; every `Tensor` is one. */
export interface ArenaRange {
  readonly arena: NativeArena;
  /** Byte offset into the arena. */
  readonly offset: number;
  /** Size in bytes. */
  readonly bytes: number;
}

/** What one operation of a group takes beside its data. */
export interface CollectiveCallOptions {
  /**
   * Ends the call with the signal's reason. The group cannot be used any more, on any rank: the calls of this rank that are pending
   * or follow fail, and so does the next call of every other rank that this one did not take part in. The memory of the call may be
   * written until `close` has resolved.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds until the call fails with `ERR_COLLECTIVE`, with the same consequences as `signal`; Infinity for none. It counts from the
   * moment at which the calls before this one have ended. Default: `timeoutMs` of `openCollective`.
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * A group of processes, the ranks, that compute together. Every rank calls the same operations in the same order, on ranges
 * of the same sizes; calls need not be awaited one after the other. A group of size 1 resolves at once and touches no memory.
 *
 * A call on which the ranks do not agree (another operation, size or owner, or a rank that closed the group) fails on all ranks with
 * `ERR_COLLECTIVE`, and so do all that follow. Ranges must not be read, written or freed before the promise settles.
 *
 * @throws `ERR_COLLECTIVE` from every operation, as a rejection, if the ranks do not agree, a rank gave up, the deadline has passed,
 * MPI reports an error, or the group is closed; `ERR_INVALID_ARGUMENT` and `ERR_ARENA_BOUNDS` for wrong arguments, which leave the group usable.
 */
export interface Collective extends AsyncDisposable {
  /** This process's number in the group, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** The library behind the group, as it names itself, in one line: "Open MPI v4.1.4". Null for a group of size 1. */
  readonly library: string | null;
  /** Milliseconds until an operation fails that other ranks do not take part in, unless its call says otherwise. Infinity for a group of size 1. */
  readonly timeoutMs: number;
  /** Bytes of data that this rank has sent since it opened the group; the few bytes by which the ranks agree on a call do not count. */
  readonly sentBytes: number;
  /**
   * Replaces every element by the sum over the ranks, added by a fixed binary tree over their order: ranks 0 and 1 make a pair, two pairs a
   * four (`sumByTree`). All ranks get the same bits, at any time, by any library.
   *
   * @param range fp32 elements: a multiple of 4 bytes at a multiple of 4.
   */
  allReduce(range: ArenaRange, options?: CollectiveCallOptions): Promise<void>;
  /** As `allReduce`, at one rank only, `owner`; the ranges of the others are unchanged. */
  reduce(range: ArenaRange, owner: number, options?: CollectiveCallOptions): Promise<void>;
  /** Copies `ranges[r]` from rank r to all others, for each r. `ranges` has one for each rank, of any sizes, and none overlaps another. */
  allGather(ranges: readonly ArenaRange[], options?: CollectiveCallOptions): Promise<void>;
  /** Copies the range from rank `root` to all others. */
  broadcast(range: ArenaRange, root: number, options?: CollectiveCallOptions): Promise<void>;
  /** Resolves once every rank has called it. */
  barrier(options?: CollectiveCallOptions): Promise<void>;
  /**
   * Gives every rank the bytes of every rank, in their order; sizes may differ. For small messages, such as JSON: 64 MiB of all ranks
   * together at most.
   */
  exchange(bytes: Uint8Array, options?: CollectiveCallOptions): Promise<Uint8Array[]>;
  /**
   * Ends the processes of all ranks at once, this one included, with exit code `code` of the launcher. For failures: nothing is saved,
   * no `finally` runs. A group of size 1 ends this process.
   *
   * @param code From 1 to 125.
   */
  abort(code: number): void;
  /**
   * Leaves the group once all ranks have called it or have given up; pending calls end before. The group must be closed before the process
   * ends: launchers take an end without it for a failure. Where another rank does not answer, it resolves after a deadline, and the
   * launcher ends the job with the process. Idempotent; it does not throw.
   */
  close(): Promise<void>;
  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
