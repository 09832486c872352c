import { addon } from '@mayfly/native';
import { ownedRanges } from '../chips/owned-ranges.js';
import { bucketBytes } from '../chips/step-schedule.js';
import type { ArenaRange, Collective } from '../collective/collective.js';
import { exchangeNumbers } from '../collective/exchange-numbers.js';
import type { Tensor } from '../memory/tensor.js';
import type { ParameterEntry } from '../model/parameters.js';
import type { ModelState } from './model-state.js';

/** Time and bytes of the exchange since the trainer was made. */
export interface ExchangeStats {
  /** Milliseconds in which gradients or parameters were exchanged. */
  readonly busyMs: number;
  /** Those of them in which a step waited for nothing else. */
  readonly exposedMs: number;
}

/** A range of tensors that one rank owns; null where all ranks do. */
interface OwnedRange extends ArenaRange {
  readonly owner: number | null;
}

/**
 * Sums the gradients of a step over the ranks while others are still computed: buckets of tensors, each as soon as the queue has made all of
 * it. Every rank queues its gradients in the same order, and so calls the group in the same order.
 */
export class GradientExchange {
  readonly #state: ModelState;
  readonly #collective: Collective;
  readonly #bucketBytes: number;
  /** The one that is being filled. */
  #bucket: Bucket | null = null;
  /** Resolves once the call of the group before the next one was made. */
  #called: Promise<unknown> = Promise.resolve();
  /** Resolves once all calls have ended. */
  #done: Promise<unknown> = Promise.resolve();
  /** Calls that have not ended. */
  #calls = 0;
  #calledAt = 0;
  #busyMs = 0;
  #exposedMs = 0;

  constructor(state: ModelState, collective: Collective) {
    this.#state = state;
    this.#collective = collective;
    this.#bucketBytes = bucketBytes(state.gradients.bytes);
  }

  get stats(): ExchangeStats {
    return { busyMs: this.#busyMs, exposedMs: this.#exposedMs };
  }

  /** Takes a tensor whose gradient is complete, or all of it is queued. Resolves once it is the sum over the ranks, at its owner, or on all. */
  add(entry: ParameterEntry): Promise<void> {
    this.#bucket ??= new Bucket();
    const { summed } = this.#bucket;
    this.#bucket.add(entry);
    if (this.#bucket.bytes >= this.#bucketBytes) this.flush();
    return summed;
  }

  /** Sends the bucket as it is. Call it when the gradients of a step are queued. */
  flush(): void {
    const bucket = this.#bucket;
    if (bucket === null) return;
    this.#bucket = null;
    const { arena } = this.#state.gradients;
    // The queue is in order: once it has written these no bytes, all gradients before are there.
    const made = addon.mathQueue.zero(arena, 0, 0);
    bucket.settle(this.inOrder(made, () => Promise.all(this.#rangesOf(bucket).map((range) => this.#sum(range)))));
  }

  /** Makes a call of the group once `ready` has resolved and all calls before have been made. */
  inOrder<Result>(ready: Promise<unknown>, call: () => Promise<Result>): Promise<Result> {
    // A call that could not be made takes those after it along: they would meet others on the other ranks.
    const turn = Promise.all([this.#called, ready]);
    this.#called = turn;
    const done = turn.then(() => this.#timed(call));
    // The error reaches whoever waits for the step; until then it must not count as an unhandled rejection.
    turn.catch(() => {});
    done.catch(() => {});
    this.#done = Promise.allSettled([this.#done, done]);
    return done;
  }

  /** Waits for calls where a step has nothing else to do. */
  async exposed<Result>(calls: Promise<Result>): Promise<Result> {
    const start = performance.now();
    try {
      return await calls;
    } finally {
      this.#exposedMs += performance.now() - start;
    }
  }

  /** Resolves once no call of the group uses the arena. */
  async settle(): Promise<void> {
    await this.#done;
  }

  /** The sums of squares of all tensors, in the order of the layout, from those that each rank has of its own tensors. */
  async squares(own: ReadonlyMap<ParameterEntry, Promise<number>>): Promise<number[]> {
    const { trained, shards } = this.#state;
    const sums = Promise.all(trained.entries.map((entry) => own.get(entry)!));
    if (shards === null) return await sums;
    const call = async () => exchangeNumbers(this.#collective, await sums);
    const all = await this.inOrder(sums, call);
    return trained.entries.map((entry, index) => all[shards.ownerOf(entry)]![index]!);
  }

  /** Copies tensors of the parameters from their owners to all ranks, behind the calls before; `updated` resolves when this rank's own are new. */
  broadcast(entries: readonly ParameterEntry[], updated: Promise<unknown>): Promise<unknown> {
    const { parameters, layout } = this.#state;
    const places = entries.map(({ name, layer }) => layout.entry(name, layer));
    const ranges = this.#ranges(places, parameters);
    return this.inOrder(updated, () =>
      Promise.all(ranges.map((range) => this.#collective.broadcast(range, range.owner!))),
    );
  }

  #sum({ owner, ...range }: OwnedRange): Promise<void> {
    return owner === null ? this.#collective.allReduce(range) : this.#collective.reduce(range, owner);
  }

  #rangesOf({ entries }: Bucket): OwnedRange[] {
    return this.#ranges(entries, this.#state.gradients);
  }

  #ranges(entries: readonly ParameterEntry[], block: Tensor<'fp32'>): OwnedRange[] {
    const { shards } = this.#state;
    const { arena, offset } = block;
    const owned = ownedRanges(entries, (entry) => shards?.ownerOf(entry) ?? null);
    return owned.map((range) => ({ arena, ...range, offset: offset + range.offset }));
  }

  async #timed<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#calls++ === 0) this.#calledAt = performance.now();
    try {
      return await call();
    } finally {
      if (--this.#calls === 0) this.#busyMs += performance.now() - this.#calledAt;
    }
  }
}

/** Tensors whose gradients are exchanged together. */
class Bucket {
  readonly entries: ParameterEntry[] = [];
  bytes = 0;
  readonly summed: Promise<void>;
  /** Takes the promise that decides on `summed`. */
  settle!: (exchanged: Promise<unknown>) => void;

  constructor() {
    this.summed = new Promise((resolve, reject) => {
      this.settle = (exchanged) => void exchanged.then(() => resolve(), reject);
    });
  }

  add(entry: ParameterEntry): void {
    this.entries.push(entry);
    this.bytes += 4 * entry.count;
  }
}
