import { types } from 'node:util';
import { invalidArgument, MayflyError, type WeightRange } from '@mayfly/native';
import { MOST_REQUEST_BYTES, MOST_WEIGHTS } from '@mayfly/worker';
import { object } from '../../check.js';
import type { Arena } from '../../memory/arena.js';
import type { Block } from '../../memory/tensor.js';
import type { WeightSources } from '../types.js';

/** Weight files where a worker can read them. `free` when no compilation will read them again. */
export interface StoredWeights {
  readonly ranges: readonly WeightRange[];
  /** The same ranges for one more version of a kernel. */
  again(): StoredWeights;
  free(): void;
}

/** Puts weight files into the arena, or refers to those that lie there already. */
export class WeightStore {
  constructor(readonly arena: Arena) {}

  /**
   * @param text Of the program that they belong to.
   * Errors: `ERR_INVALID_ARGUMENT`, also where text and paths are more than a request to a worker may hold; `ERR_ARENA_FULL`.
   */
  store(sources: WeightSources, text: string): StoredWeights {
    assertSendable(text, Object.keys(object<WeightSources>().check('weights', sources)));
    const blocks: Block[] = [];
    try {
      const ranges = Object.entries(sources).map(([path, source]): WeightRange => {
        // Also one of another realm, as under a test runner that gives each file its own.
        if (!types.isUint8Array(source)) return { path, ...this.#checked(path, source) };
        const block = this.arena.allocate(source.byteLength);
        blocks.push(block);
        // One that was transferred away is empty, and cannot be read.
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

/** What a message takes for each weight file besides its path, and for all else besides the text. */
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

function counted(ranges: readonly WeightRange[], blocks: readonly Block[]): StoredWeights {
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
