import { setTimeout as sleep } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { isMayflyError, MayflyError } from '@mayfly/native';
import type { ArenaRange, Collective, CollectiveCallOptions } from '../collective/collective.js';
import { exchangeNumbers } from '../collective/exchange-numbers.js';

/** Of one rank's message. A group bounds the messages of all ranks together. */
const MESSAGE_BYTES = 2 ** 22;

/** For work that takes as long as it takes, and makes calls of the group meanwhile. */
export const LONG = { timeoutMs: Number.POSITIVE_INFINITY } as const;

/** A rank at work says so to those that wait so many times within the group's deadline, and after so many milliseconds at the latest. */
const SIGNS = 4;
const LONGEST_SILENCE = 5_000;

/** The error of a rank, as the others get it. */
interface Failure {
  /** Null where it is none of Mayfly's own. */
  readonly code: string | null;
  readonly message: string;
}

/** Errors that every rank throws. */
const shared = new WeakSet<Error>();

/** Whether every rank of a training throws this error, or one that says the same: it is enough if one of them reports it. */
export const isShared = (error: unknown): boolean => error instanceof Error && shared.has(error);

/** Notes that every rank throws this error. */
export function asShared<Thrown>(error: Thrown): Thrown {
  if (error instanceof Error) shared.add(error);
  return error;
}

/** The processes of a training, and the values on which they have to agree. Of one process, each value is its own, and nothing is sent. */
export class Ranks {
  readonly collective: Collective;
  readonly rank: number;
  readonly size: number;

  constructor(collective: Collective) {
    this.collective = collective;
    this.rank = collective.rank;
    this.size = collective.size;
  }

  /** Whether this process is the one that writes files and shows the run. */
  get isFirst(): boolean {
    return this.rank === 0;
  }

  /** The value of every rank, by rank: plain data of at most 4 MiB. */
  async gather<Value>(value: Value, options?: CollectiveCallOptions): Promise<Value[]> {
    if (this.size === 1) return [value];
    const messages = await this.collective.exchange(serialize(value), options);
    return messages.map((message) => deserialize(message) as Value);
  }

  /** The numbers of every rank, by rank. */
  gatherNumbers(values: readonly number[]): Promise<Float64Array[]> {
    return exchangeNumbers(this.collective, values);
  }

  /** What rank 0 makes, plain data, on all ranks. Its error is the error of all. */
  async fromFirst<Value>(make: () => Value | Promise<Value>, options?: CollectiveCallOptions): Promise<Value> {
    if (this.size === 1) return await make();
    const value = await this.together(async () => (this.isFirst ? await make() : undefined), options);
    const bytes = this.isFirst ? serialize(value) : new Uint8Array();
    const [length = 0] = (await this.gatherNumbers([bytes.length])).map(([first]) => first!);
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < length; start += MESSAGE_BYTES) {
      const [piece] = await this.collective.exchange(bytes.subarray(start, start + MESSAGE_BYTES));
      pieces.push(piece!);
    }
    return this.isFirst ? value! : (deserialize(Buffer.concat(pieces)) as Value);
  }

  /** Does work on every rank. If it fails on one, it fails on all, with its own error or with that of the lowest rank that has one. */
  async together<Value>(work: () => Value | Promise<Value>, options?: CollectiveCallOptions): Promise<Value> {
    if (this.size === 1) return await work();
    let value: Value | undefined;
    let own: unknown;
    let failure: Failure | null = null;
    try {
      value = await work();
    } catch (error) {
      own = error;
      failure = describe(error);
    }
    const failures = await this.#failures(failure, options, own);
    const rank = failures.findIndex((each) => each !== null);
    if (rank === -1) return value as Value;
    throw asShared(failure === null ? ofRank(rank, failures[rank]!) : own);
  }

  /**
   * As `together`, for work of any length: a rank at work says so to those that have done theirs, so that they do not take it for one
   * that hangs. The work makes no call of the group.
   */
  async throughout<Value>(work: () => Value | Promise<Value>): Promise<Value> {
    if (this.size === 1) return await work();
    const done = (async () => await work())();
    const timer = new AbortController();
    let busy = 1;
    const settled = done
      .catch(() => {})
      .then(() => {
        busy = 0;
        timer.abort();
      });
    const silence = Math.min(LONGEST_SILENCE, this.collective.timeoutMs / SIGNS);
    for (let working = true; working; ) {
      // Until it has ended, or it is time for a sign.
      if (busy === 1) await sleep(silence, undefined, { signal: timer.signal }).catch(() => {});
      try {
        const states = await this.gatherNumbers([busy]);
        working = states.some(([isBusy]) => isBusy === 1);
      } catch (error) {
        // What it uses must not be released under it.
        await settled;
        throw error;
      }
    }
    return await this.together(() => done);
  }

  /** Throws on every rank what `problem` says of the values of one, the lowest; null: nothing. */
  async expectAlike<Value>(value: Value, problem: (first: Value, other: Value, rank: number) => MayflyError | null) {
    const [first, ...others] = await this.gather(value);
    for (const [index, other] of others.entries()) {
      const error = problem(first!, other, index + 1);
      if (error !== null) throw asShared(error);
    }
  }

  /** Copies ranges of the arena from rank 0 to all others. */
  async broadcast(ranges: readonly ArenaRange[]): Promise<void> {
    if (this.size === 1) return;
    await Promise.all(ranges.filter(({ bytes }) => bytes > 0).map((range) => this.collective.broadcast(range, 0)));
  }

  /** Call it where this rank cannot go on: the others would wait for it. Their next call of the group fails. */
  giveUp(error: unknown): void {
    if (this.size > 1 && !isShared(error)) void this.collective.close();
  }

  async #failures(failure: Failure | null, options: CollectiveCallOptions | undefined, own: unknown) {
    try {
      return await this.gather(failure, options);
    } catch (error) {
      throw failure === null ? error : own;
    }
  }
}

const describe = (error: unknown): Failure => ({
  code: isMayflyError(error) ? error.code : null,
  message: error instanceof Error ? error.message : String(error),
});

const ofRank = (rank: number, { code, message }: Failure): MayflyError =>
  new MayflyError((code ?? 'ERR_COLLECTIVE') as MayflyError['code'], `rank ${rank}: ${message}`);
