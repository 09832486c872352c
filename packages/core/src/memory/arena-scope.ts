import type { DType } from '@mayfly/native';
import type { Arena } from './arena.js';
import { type Block, Tensor, tensorBytes } from './tensor.js';

/** Where tensors come from. */
export interface TensorSource {
  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T>;
}

/** Tensors that are freed together. */
export class ArenaScope implements TensorSource {
  readonly #blocks: Block[] = [];

  constructor(readonly arena: Arena) {}

  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    const block = this.arena.allocate(tensorBytes(dtype, shape));
    this.#blocks.push(block);
    return new Tensor(this.arena.native, block.offset, dtype, shape, block);
  }

  /** Frees the memory of every tensor. All runs that use them must have settled. Idempotent. */
  free(): void {
    for (const block of this.#blocks.splice(0)) block.free();
  }
}
