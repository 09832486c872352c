import type { DType } from '@mayfly/native';
import type { Arena, Block } from './arena.js';
import { elementBytes, Tensor } from './tensor.js';

/** Where tensors come from. */
export interface TensorSource {
  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T>;
}

/** Tensors that are freed together. */
export class ArenaScope implements TensorSource {
  readonly #blocks: Block[] = [];

  constructor(readonly arena: Arena) {}

  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    const bytes = shape.reduce((product, size) => product * size, elementBytes[dtype]);
    const block = this.arena.allocate(bytes);
    this.#blocks.push(block);
    return new Tensor(this.arena.native, block.offset, dtype, shape);
  }

  /** Gives every tensor's memory back. Idempotent. */
  free(): void {
    for (const block of this.#blocks.splice(0)) block.free();
  }
}
