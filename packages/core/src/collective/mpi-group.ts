import { addon, type CollectiveCall, MayflyError } from '@mayfly/native';
import { unwatchAbort, watchAbort } from '../abort-watch.js';
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
import type { Launch } from './launcher.js';

/** How a group of several ranks is joined. */
export interface MpiSettings {
  readonly launch: Launch;
  /** Names of MPI's library; the first that is there is loaded. */
  readonly files: readonly string[];
  readonly timeoutMs: number;
  readonly joinTimeoutMs: number;
  readonly sliceBytes: number;
}

type Call = Pick<CollectiveCall, 'ranges'> & Partial<CollectiveCall>;

/** The ranks that a launcher started, joined by the launcher's MPI, which the addon calls on a thread of its own. */
export class MpiGroup implements Collective {
  readonly rank: number;
  readonly size: number;
  readonly library: string;
  readonly timeoutMs: number;
  #closed: Promise<void> | null = null;

  /** Joins the ranks. Throws `ERR_COLLECTIVE`. */
  static async open({ launch, files, timeoutMs, joinTimeoutMs, sliceBytes }: MpiSettings): Promise<MpiGroup> {
    const { library: launcher, rank, size } = launch;
    const joined = addon.collective.open({ ...{ files, launcher, rank, size, sliceBytes }, timeoutMs: joinTimeoutMs });
    // MPI waits for the other ranks without a deadline.
    await within(joinTimeoutMs, joined, () => {
      throw new MayflyError(
        'ERR_COLLECTIVE',
        `Cannot join the ranks: not all ${size} have opened the group within ${joinTimeoutMs} ms`,
      );
    });
    return new MpiGroup(launch, timeoutMs);
  }

  private constructor({ rank, size }: Launch, timeoutMs: number) {
    this.rank = rank;
    this.size = size;
    this.library = addon.collective.library();
    this.timeoutMs = timeoutMs;
  }

  get sentBytes(): number {
    return addon.collective.sentBytes();
  }

  async allReduce(range: ArenaRange, options?: CollectiveCallOptions): Promise<void> {
    checkRange(range, 4);
    await this.#run('allReduce', { ranges: [range], arena: range.arena }, options);
  }

  async reduce(range: ArenaRange, owner: number, options?: CollectiveCallOptions): Promise<void> {
    checkRange(range, 4);
    checkRank(this, 'owner', owner);
    await this.#run('reduce', { ranges: [range], arena: range.arena, root: owner }, options);
  }

  async allGather(ranges: readonly ArenaRange[], options?: CollectiveCallOptions): Promise<void> {
    checkRanges(this, ranges);
    await this.#run('allGather', { ranges, arena: ranges[0]!.arena }, options);
  }

  async broadcast(range: ArenaRange, root: number, options?: CollectiveCallOptions): Promise<void> {
    checkRange(range);
    checkRank(this, 'root', root);
    await this.#run('broadcast', { ranges: [range], arena: range.arena, root }, options);
  }

  async barrier(options?: CollectiveCallOptions): Promise<void> {
    await this.#run('barrier', { ranges: [] }, options);
  }

  async exchange(bytes: Uint8Array, options?: CollectiveCallOptions): Promise<Uint8Array[]> {
    checkMessage(this, bytes);
    return (await this.#run('exchange', { ranges: [], message: bytes }, options))!;
  }

  abort(code: number): void {
    checkExitCode(code);
    addon.collective.abort(code);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const ended = addon.collective.run({
      kind: 'close',
      root: 0,
      ranges: [],
      timeoutMs: Infinity,
    });
    await within(
      this.timeoutMs,
      ended.catch(() => {}),
      () => {},
    );
    addon.collective.leave();
  }

  async #run(kind: Operation, call: Call, options?: CollectiveCallOptions): Promise<Uint8Array[] | undefined> {
    const { signal, timeoutMs = this.timeoutMs } = checkOptions(kind, options);
    if (this.#closed !== null) throw closedError();
    const ended = addon.collective.run({ root: 0, ...call, kind, timeoutMs });
    if (signal === undefined) return ended;
    let abortable: { aborted(reason: unknown): void } | undefined;
    const aborted = new Promise<never>((_, reject) => {
      abortable = {
        aborted: (reason) => {
          addon.collective.cancel();
          reject(reason);
        },
      };
      watchAbort(signal, abortable);
    });
    try {
      return await Promise.race([ended, aborted]);
    } finally {
      unwatchAbort(signal, abortable!);
      ended.catch(() => {});
      aborted.catch(() => {});
    }
  }
}

/** The value of a promise; after so many milliseconds that of `late`. */
async function within<Value>(milliseconds: number, promise: Promise<Value>, late: () => Value): Promise<Value> {
  if (milliseconds === Number.POSITIVE_INFINITY) return promise;
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<Value>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
