import {
  checkExitCode,
  checkMessage,
  checkOptions,
  checkRange,
  checkRanges,
  checkRank,
  closedError,
  type Operation,
} from './check-call.js';
import type { ArenaRange, Collective, CollectiveCallOptions } from './collective.js';

/** The group of one process: every operation has its result before it begins. */
export class SingleGroup implements Collective {
  readonly rank = 0;
  readonly size = 1;
  readonly library = null;
  readonly timeoutMs = Number.POSITIVE_INFINITY;
  readonly sentBytes = 0;
  #closed = false;

  async allReduce(range: ArenaRange, options?: CollectiveCallOptions): Promise<void> {
    this.#check('allReduce', options);
    checkRange(range, 4);
  }

  async reduce(range: ArenaRange, owner: number, options?: CollectiveCallOptions): Promise<void> {
    this.#check('reduce', options);
    checkRange(range, 4);
    checkRank(this, 'owner', owner);
  }

  async allGather(ranges: readonly ArenaRange[], options?: CollectiveCallOptions): Promise<void> {
    this.#check('allGather', options);
    checkRanges(this, ranges);
  }

  async broadcast(range: ArenaRange, root: number, options?: CollectiveCallOptions): Promise<void> {
    this.#check('broadcast', options);
    checkRange(range);
    checkRank(this, 'root', root);
  }

  async barrier(options?: CollectiveCallOptions): Promise<void> {
    this.#check('barrier', options);
  }

  async exchange(bytes: Uint8Array, options?: CollectiveCallOptions): Promise<Uint8Array[]> {
    this.#check('exchange', options);
    checkMessage(this, bytes);
    return [new Uint8Array(bytes)];
  }

  abort(code: number): void {
    checkExitCode(code);
    process.exit(code);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #check(operation: Operation, options: CollectiveCallOptions | undefined): void {
    checkOptions(operation, options);
    if (this.#closed) throw closedError();
  }
}
