import { types } from 'node:util';
import { invalidArgument, MayflyError, type WeightRange } from '@mayfly/native';
import { MOST_REQUEST_BYTES, MOST_WEIGHTS } from '@mayfly/worker';
import { object } from '../../check.js';
import type { Arena } from '../../memory/arena.js';
import type { ArenaBlock } from '../../memory/tensor.js';
import type { WeightSources } from '../types.js';

/** Weight files in the arena, where workers read them. */
export interface StoredWeights {
  readonly ranges: readonly WeightRange[];
  /** One more reference to the same ranges. */
  again(): StoredWeights;
  /** Frees the reference. Call it when no compilation will read it again. Idempotent. */
  free(): void;
}

/** The weights of a kernel from one `update` to the next. */
export interface Generation {
  readonly number: number;
  readonly weights: StoredWeights;
  /** Settles the call that requested it; null after that. */
  settle: ((error: Error | null) => void) | null;
}

/** The weights of a kernel over time: the generation that is served, and those of updates that are not compiled yet. */
export class Generations {
  #serving: Generation;
  readonly #updates: Generation[] = [];
  #latest = 0;

  constructor(weights: StoredWeights, settle: Generation['settle']) {
    this.#serving = { number: 0, weights, settle };
  }

  get serving(): Generation {
    return this.#serving;
  }

  /** The next update. */
  get next(): Generation | undefined {
    return this.#updates[0];
  }

  /** Number of the generation that a run called now will see. */
  get latest(): number {
    return this.#latest;
  }

  /** One more reference to the latest weights. */
  again(): StoredWeights {
    return (this.#updates.at(-1) ?? this.#serving).weights.again();
  }

  add(weights: StoredWeights, settle: Generation['settle']): void {
    this.#latest += 1;
    this.#updates.push({ number: this.#latest, weights, settle });
  }

  /** Runs see `generation` from now on: the next update, or the one served so far, on another worker. */
  serve(generation: Generation): void {
    if (generation !== this.#serving) {
      this.#serving.weights.free();
      this.#serving = generation;
      this.#updates.shift();
    }
    settle(generation, null);
  }

  /** Rejects an update that failed. */
  drop(generation: Generation, error: Error): void {
    this.#updates.splice(this.#updates.indexOf(generation), 1);
    if (this.#updates.length === 0) this.#latest = this.#serving.number;
    generation.weights.free();
    settle(generation, error);
  }

  /** Frees all weights and rejects all updates with the error for which the kernel takes no more calls. */
  end(error: Error): void {
    for (const generation of [this.#serving, ...this.#updates.splice(0)]) {
      generation.weights.free();
      settle(generation, error);
    }
  }
}

function settle(generation: Generation, error: Error | null): void {
  generation.settle?.(error);
  generation.settle = null;
}

/** Copies weight files into the arena, or refers to those that lie there already. */
export class WeightStore {
  constructor(readonly arena: Arena) {}

  /**
   * Errors: `ERR_INVALID_ARGUMENT`, also if text and paths are more than a request to a worker may hold; `ERR_ARENA_FULL`.
   *
   * @param text The program that they belong to.
   */
  store(sources: WeightSources, text: string): StoredWeights {
    assertSendable(text, Object.keys(object<WeightSources>().check('weights', sources)));
    const blocks: ArenaBlock[] = [];
    try {
      const ranges = Object.entries(sources).map(([path, source]): WeightRange => {
        // `instanceof` fails for an array of another realm, as test runners give each file.
        if (!types.isUint8Array(source)) return { path, ...this.#checked(path, source) };
        const block = this.arena.allocate(source.byteLength);
        blocks.push(block);
        // An array whose buffer was transferred is empty, and cannot be read.
        if (source.byteLength > 0) this.arena.native.view(block.offset, source.byteLength).set(source);
        return { path, offset: block.offset, bytes: source.byteLength };
      });
      return counted(ranges, blocks);
    } catch (error) {
      for (const block of blocks) block.free();
      throw error;
    }
  }

  #checked(path: string, range: { offset: number; bytes: number }): { offset: number; bytes: number } {
    const { offset, bytes } = object<typeof range>().check(`weights ${path}`, range);
    const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(bytes) && offset >= 0 && bytes >= 0;
    if (!inside || offset + bytes > this.arena.bytes) {
      throw invalidArgument(
        `weights ${path}`,
        `within the arena's ${this.arena.bytes} bytes`,
        `${bytes} bytes at ${offset}`,
      );
    }
    return { offset, bytes };
  }
}

/** Bytes of a message for each weight file besides its path, and for the rest besides the text. */
const REQUEST_OVERHEAD = 64;

function assertSendable(text: string, paths: readonly string[]): void {
  if (paths.length > MOST_WEIGHTS) throw invalidArgument('weights', `at most ${MOST_WEIGHTS} files`, paths.length);
  const bytes = paths.reduce(
    (sum, path) => sum + Buffer.byteLength(path) + REQUEST_OVERHEAD,
    Buffer.byteLength(text) + REQUEST_OVERHEAD,
  );
  if (bytes <= MOST_REQUEST_BYTES) return;
  throw new MayflyError(
    'ERR_INVALID_ARGUMENT',
    `Expected a program's text and the paths of its weights to take at most ${MOST_REQUEST_BYTES} bytes, got ${bytes}`,
  );
}

function counted(ranges: readonly WeightRange[], blocks: readonly ArenaBlock[]): StoredWeights {
  let users = 0;
  const use = (): StoredWeights => {
    users += 1;
    let freed = false;
    const free = () => {
      if (freed) return;
      freed = true;
      users -= 1;
      if (users === 0) for (const block of blocks) block.free();
    };
    return { ranges, again: use, free };
  };
  return use();
}
