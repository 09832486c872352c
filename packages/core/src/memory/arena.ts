import { addon, type DType, invalidArgument, MayflyError, type NativeArena } from '@mayfly/native';
import { type ArenaBlock, Tensor, tensorBytes } from './tensor.js';

/** Blocks start on a cache line, which devices and SIMD loops rely on. */
const ALIGNMENT = 128;
const PAGE = 4096;

/** Bytes that a block of `bytes` occupies: whole cache lines, at least one. */
export const blockBytes = (bytes: number): number => Math.max(Math.ceil(bytes / ALIGNMENT) * ALIGNMENT, ALIGNMENT);

interface Gap {
  offset: number;
  bytes: number;
}

/** Allocates blocks in one shared mapping: first fit; free neighbours are merged; pages are committed before their first use. */
export class Arena {
  /** The shared mapping. */
  readonly native: NativeArena;
  /** Size of the mapping in bytes: whole pages. */
  readonly bytes: number;
  #gaps: Gap[];
  #used = 0;
  /** Pages below this offset are committed. Committing them again would take a seventh of the time. */
  #committed = 0;

  /** @param bytes Size of the mapping. Nothing is committed until it is allocated. */
  constructor(bytes: number) {
    if (!Number.isSafeInteger(bytes) || bytes < 1)
      throw invalidArgument('arenaBytes', 'a whole number of bytes from 1 up', bytes);
    this.native = addon.createArena(Math.ceil(bytes / PAGE) * PAGE);
    this.bytes = this.native.bytes;
    this.#gaps = [{ offset: 0, bytes: this.bytes }];
  }

  /** Bytes that are allocated now. */
  get usedBytes(): number {
    return this.#used;
  }

  /**
   * Allocates a block of at least `bytes`, whose contents are undefined.
   *
   * @throws `ERR_ARENA_FULL` if no gap is large enough, or the system has no memory left. Existing blocks are not affected.
   */
  allocate(bytes: number): ArenaBlock {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw invalidArgument('bytes', 'a whole number from 0 up', bytes);
    const size = blockBytes(bytes);
    const offset = this.#take(size);
    try {
      const start = Math.max(offset, this.#committed);
      if (start < offset + size) this.native.populate(start, offset + size - start);
      this.#noteCommitted(offset, size);
    } catch (error) {
      this.#release(offset, size);
      throw error;
    }
    const block = {
      ...{ offset, bytes: size, freed: false },
      free: () => {
        if (block.freed) return;
        block.freed = true;
        this.#release(offset, size);
      },
    };
    return block;
  }

  /**
   * Commits the pages of the first `bytes` that are free, on a native thread: `allocate`, which otherwise blocks for some 0.4 s a
   * gigabyte, then finds them committed.
   *
   * @throws `ERR_ARENA_FULL` if the system has no memory left.
   */
  async commit(bytes: number): Promise<void> {
    let left = bytes;
    for (const { offset, bytes: free } of [...this.#gaps]) {
      const size = Math.min(left, free);
      if (size === 0) break;
      await addon.mathQueue.populate(this.native, offset, size);
      this.#noteCommitted(offset, size);
      left -= size;
    }
  }

  /** Allocates a tensor that lives as long as the arena. */
  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    return new Tensor(this.native, this.allocate(tensorBytes(dtype, shape)).offset, dtype, shape);
  }

  /** Unmaps the memory in this process: tensors of the arena cannot be used any more. The pool does this for its own arena. */
  close(): void {
    this.native.close();
  }

  #noteCommitted(offset: number, bytes: number): void {
    if (offset <= this.#committed) this.#committed = Math.max(this.#committed, offset + bytes);
  }

  #take(size: number): number {
    for (const [index, gap] of this.#gaps.entries()) {
      if (gap.bytes < size) continue;
      const { offset } = gap;
      gap.offset += size;
      gap.bytes -= size;
      if (gap.bytes === 0) this.#gaps.splice(index, 1);
      this.#used += size;
      return offset;
    }
    const largest = this.#gaps.reduce((most, gap) => Math.max(most, gap.bytes), 0);
    throw new MayflyError(
      'ERR_ARENA_FULL',
      `Expected ${size} free bytes in the arena, got ${largest} at most (${this.#used} of ${this.bytes} bytes in use): ` +
        `raise arenaBytes to at least ${this.#used + size}`,
    );
  }

  #release(offset: number, bytes: number): void {
    this.#used -= bytes;
    const after = this.#gaps.findIndex((gap) => gap.offset > offset);
    const at = after === -1 ? this.#gaps.length : after;
    this.#gaps.splice(at, 0, { offset, bytes });
    this.#merge(at);
    this.#merge(at - 1);
  }

  #merge(index: number): void {
    const left = this.#gaps[index];
    const right = this.#gaps[index + 1];
    if (left === undefined || right === undefined || left.offset + left.bytes !== right.offset) return;
    left.bytes += right.bytes;
    this.#gaps.splice(index + 1, 1);
  }
}
