import { addon } from '@mayfly/native';
import { blockOf, lastTableUser, mergesAfter } from '../chips/sum-tree.js';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ParameterEntry } from '../model/parameters.js';
import type { GradientExchange } from './gradient-exchange.js';
import { type ModelState, offsetIn } from './model-state.js';
import { PendingTasks } from './pending-tasks.js';
import type { WorkCounter } from './work-counter.js';

/** Where the product that is a gradient of one pass goes. */
export interface ProductSum {
  /** Arena offset of the sum, fp32. */
  readonly gradient: number;
  /** The sum is the product and the addends alone, rather than what is there with them. */
  readonly overwrite: boolean;
  /** Arena offsets of earlier passes' sums to which the product is added first, one after the other. */
  readonly addends: readonly number[];
}

/** Where one pass writes its gradients: a product through `product`, what the host computes in another way through `offset`. */
export interface PassGradients {
  /** Of the pass within its step, from 0. */
  readonly index: number;
  /** The pass whose sums of tables must be complete before this one begins its own: −1 where that is none, or one that is not in flight any more. */
  readonly tableAfter: number;
  /** Where passes are in flight at the same time: the wait for queued additions to a gradient that the caller is about to write beside the queue. */
  settled(name: string, layer: number): Promise<void> | null;
  /** For a gradient that is one product, which is added to those of earlier passes as it is made, as far as the tree says so. */
  product(name: string, layer?: number): ProductSum;
  /** As `product`, for one that a kernel has made: the sum that is there is read, too. */
  converted(name: string, layer?: number): ProductSum;
  /** Call when the product is queued. In the last pass it queues the sum of squares. */
  finishProduct(name: string, layer?: number): void;
  /** Arena offset of a parameter's gradient, fp32. */
  offset(name: string, layer?: number): number;
  /** True: the pass writes the gradient at `offset`. False: it rounds it to fp32 and adds it to the one that is there. */
  readonly overwrite: boolean;
  /** Whether it is the last pass of the step. */
  readonly isLast: boolean;
  /** Arena offset of fp32 [vocab, dim] for a table's gradient, which is made of several sums; null with `overwrite`, where `offset` is its place. */
  readonly table: number | null;
  /**
   * Call when the gradient at `offset` is complete or all of it is queued, once: adds it to those of earlier passes as far as the
   * tree says so and, in the last pass, takes its sum of squares while it is in cache. Both are queued.
   */
  finish(name: string, layer?: number): void;
  /** As `finish`, for a gradient that may be in `table`. */
  finishTable(name: string): void;
}

/**
 * Sums the gradients of a step's passes by a binary tree over their index, which depends on nothing but their number: two
 * passes make a pair, two pairs a four. Processes that share out the passes of a step, each a power of two in a row, build
 * the same tree and so get the same bits. The sum of `passes` passes needs memory for `blocksFor(passes)` copies of the parameters.
 */
export class GradientSums {
  readonly #state: ModelState;
  /** Sums of passes that wait for their neighbours, of earlier ones first. The first block is the model's gradients. */
  readonly #blocks: readonly Tensor<'fp32'>[];
  /** Of passes in flight that add to a sum. */
  readonly #tables: readonly Tensor<'fp32'>[];
  readonly #passes: number;
  readonly #inFlight: number;
  readonly #work: WorkCounter;
  readonly #sums = new PendingTasks<ParameterEntry>();
  /** Sums the gradients over the ranks; null where there is one rank. */
  readonly #exchange: GradientExchange | null;
  /** Of the gradients of the last step that are complete. */
  readonly #squares = new Map<ParameterEntry, Promise<number>>();

  /** @param inFlight Passes that run at the same time: each takes its turn with each sum, in the order of the passes. Default 1. */
  constructor(
    source: TensorSource,
    state: ModelState,
    passes: number,
    work: WorkCounter,
    exchange: GradientExchange | null = null,
    inFlight = 1,
  ) {
    const { trained, config } = state;
    const more = Array.from({ length: blocksFor(passes) - 1 }, () => source.tensor('fp32', [trained.count]));
    this.#state = state;
    this.#passes = passes;
    this.#work = work;
    this.#exchange = exchange;
    this.#blocks = [state.gradients, ...more];
    this.#inFlight = inFlight;
    this.#tables = Array.from({ length: tablesFor(passes, config.tiedHead ? inFlight : 1) }, () =>
      source.tensor('fp32', [config.vocab, config.dim]),
    );
  }

  /**
   * Where pass `index` of a step, from 0, writes. The queue runs in order: whoever writes gradients beside it does so once a task of this
   * pass has ended, such as its loss, and with it all sums of the passes before.
   */
  pass(index: number): PassGradients {
    const top = blockOf(index);
    const merges = mergesAfter(index, this.#passes);
    const entryOf = (name: string, layer = -1) => this.#state.trained.entry(name, layer);
    const overwrite = index % 2 === 0;
    const table = overwrite ? null : this.#tables[(index >> 1) % this.#tables.length]!.offset;
    /** Blocks that take the gradient in, from the top down; the last is where the sum goes. */
    const sums = this.#blocks.slice(top - merges, overwrite ? top : top + 1).toReversed();
    const target = sums.at(-1) ?? this.#blocks[top]!;
    const productSum = (entry: ParameterEntry): ProductSum => {
      const addends = sums.slice(0, -1).map((block) => offsetIn(block, entry));
      return { gradient: offsetIn(target, entry), overwrite: sums.length === 0, addends };
    };
    const finish = (entry: ParameterEntry, made: readonly number[]) => this.#finish(entry, made, index, merges);
    return {
      index,
      tableAfter: lastTableUser(index, this.#passes, this.#inFlight),
      settled: (name, layer) => this.#settled(entryOf(name, layer)),
      product: (name, layer) => {
        const entry = entryOf(name, layer);
        this.#work.did('foldedElements', merges * entry.count);
        return productSum(entry);
      },
      converted: (name, layer) => {
        const entry = entryOf(name, layer);
        this.#work.did('convertedElements', entry.count);
        this.#work.did('foldedElements', sums.length * entry.count);
        return productSum(entry);
      },
      finishProduct: (name, layer) => this.#square(entryOf(name, layer), index),
      offset: (name, layer) => offsetIn(this.#blocks[top]!, entryOf(name, layer)),
      overwrite,
      isLast: index === this.#passes - 1,
      table,
      finish: (name, layer) => finish(entryOf(name, layer), []),
      finishTable: (name) => finish(entryOf(name), table === null ? [] : [table]),
    };
  }

  #settled(entry: ParameterEntry): Promise<void> | null {
    return this.#inFlight > 1 && this.#sums.has(entry) ? this.#sums.settle(entry) : null;
  }

  /** L2 norm of the sum of all passes, of all ranks: the root of each tensor's sum of squares, added up in layout order in double precision. Not finite if any gradient is not. */
  async norm(): Promise<number> {
    this.#exchange?.flush();
    await this.#sums.settleAll();
    const sums =
      this.#exchange === null
        ? await Promise.all(this.#state.trained.entries.map((entry) => this.#squares.get(entry)!))
        : await this.#exchange.squares(this.#squares);
    return Math.sqrt(sums.reduce((total, sum) => total + sum, 0));
  }

  /** @param made Offsets of gradients that are not yet part of the top block. */
  #finish(entry: ParameterEntry, made: readonly number[], index: number, merges: number): void {
    const top = blockOf(index);
    const merged = this.#blocks.slice(top - merges + 1, top + 1).toReversed();
    const from = [...made, ...merged.map((block) => offsetIn(block, entry))];
    if (from.length > 0) {
      this.#work.did('addedElements', entry.count);
      this.#work.did('foldedElements', (from.length - 1) * entry.count);
      const to = offsetIn(this.#blocks[top - merges]!, entry);
      this.#sums.add(entry, addon.mathQueue.add(this.#state.gradients.arena, from, to, entry.count));
    }
    this.#square(entry, index);
  }

  #square(entry: ParameterEntry, index: number): void {
    if (index < this.#passes - 1) return;
    const { arena } = this.#state.gradients;
    const sum = () => addon.mathQueue.sumOfSquares(arena, offsetIn(this.#blocks[0]!, entry), entry.count);
    const isOwn = this.#state.shards?.owns(entry) ?? true;
    const squares = this.#exchange === null ? sum() : this.#exchange.add(entry).then(() => (isOwn ? sum() : 0));
    // `norm` gets the error; until then it must not count as an unhandled rejection.
    squares.catch(() => {});
    this.#squares.set(entry, squares);
  }
}

/** Copies of the parameters that hold the sums of a step's passes. */
export function blocksFor(passes: number): number {
  let most = 0;
  for (let index = 0; index < passes; index++) most = Math.max(most, blockOf(index));
  return most + 1;
}

/** Tables that hold gradients of passes before they are added to a sum: of so many passes in flight, every second one has its own. */
export const tablesFor = (passes: number, inFlight: number): number => (passes === 1 ? 0 : Math.ceil(inFlight / 2));

/** The same tree for one number of each pass. */
export function sumByTree(values: readonly number[]): number {
  if (values.length === 1) return values[0]!;
  const first = 2 ** Math.ceil(Math.log2(values.length) - 1);
  return sumByTree(values.slice(0, first)) + sumByTree(values.slice(first));
}
