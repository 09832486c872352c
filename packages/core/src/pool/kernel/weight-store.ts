import { invalidArgument, type WeightRange } from '@mayfly/native';
import type { Arena, Block } from '../../memory/arena.js';
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

  store(sources: WeightSources): StoredWeights {
    const blocks: Block[] = [];
    try {
      const ranges = Object.entries(sources).map(([path, source]): WeightRange => {
        if (!(source instanceof Uint8Array)) return { path, ...this.#checked(path, source) };
        const block = this.arena.allocate(source.byteLength);
        blocks.push(block);
        this.arena.native.view(block.offset, source.byteLength).set(source);
        return { path, offset: block.offset, bytes: source.byteLength };
      });
      return counted(ranges, blocks);
    } catch (error) {
      for (const block of blocks) block.free();
      throw error;
    }
  }

  #checked(path: string, range: { offset: number; bytes: number }): { offset: number; bytes: number } {
    const { offset, bytes } = range;
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
