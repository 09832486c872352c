import { addon, type DType, invalidArgument, type NativeArena } from '@mayfly/native';
import { type Arena, blockBytes } from './arena.js';
import { type ArenaBlock, Tensor, tensorBytes } from './tensor.js';

/** Allocates tensors. */
export interface TensorSource {
  /**
   * Allocates a dense, row-major tensor. Its contents are undefined.
   *
   * @param shape Sizes in elements, the fastest axis last; [] is a scalar.
   * @throws `ERR_INVALID_ARGUMENT` for a wrong type or shape; `ERR_ARENA_FULL` where an arena has no room for it.
   */
  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T>;
}

/** Tensors that are freed together. */
export class ArenaScope implements TensorSource, Disposable {
  readonly #blocks: ArenaBlock[] = [];

  /** @throws `ERR_INVALID_ARGUMENT` */
  constructor(readonly arena: Arena) {
    if (typeof arena?.allocate !== 'function') throw invalidArgument('arena', 'an Arena', arena);
  }

  /** Allocates a tensor that lives until `free`. Its contents are undefined. Errors are those of `Arena.allocate`. */
  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    const block = this.arena.allocate(tensorBytes(dtype, shape));
    this.#blocks.push(block);
    return new Tensor(this.arena.native, block.offset, dtype, shape, block);
  }

  /** Frees the memory of every tensor. All runs that use them must have settled. Idempotent. */
  free(): void {
    for (const block of this.#blocks.splice(0)) block.free();
  }

  /** As `free`, for `using`. */
  [Symbol.dispose](): void {
    this.free();
  }
}

/** Measures the arena that the same allocations need. Its tensors have no memory. */
export class ArenaMeter implements TensorSource {
  readonly #placeholder: NativeArena = addon.createArena(1);
  #bytes = 0;

  /** Bytes of an arena that holds everything allocated so far. */
  get bytes(): number {
    return this.#bytes;
  }

  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    const offset = this.#bytes;
    this.#bytes += blockBytes(tensorBytes(dtype, shape));
    return new Tensor(this.#placeholder, offset, dtype, shape);
  }

  close(): void {
    this.#placeholder.close();
  }
}
