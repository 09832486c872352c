import { addon, type DType, type NativeArena } from '@mayfly/native';
import { blockBytes, blockOffset } from './arena.js';
import type { TensorSource } from './arena-scope.js';
import { Tensor, tensorBytes } from './tensor.js';

/** Hands out tensors that must never be touched, to find how large an arena the same requests need. */
export class ArenaMeter implements TensorSource {
  readonly #placeholder: NativeArena = addon.createArena(1);
  #bytes = 0;

  /** Bytes of an arena that holds everything asked for so far. */
  get bytes(): number {
    return this.#bytes;
  }

  tensor<T extends DType>(dtype: T, shape: readonly number[]): Tensor<T> {
    const size = blockBytes(tensorBytes(dtype, shape));
    const offset = blockOffset(this.#bytes, size);
    this.#bytes = offset + size;
    return new Tensor(this.#placeholder, offset, dtype, shape);
  }

  close(): void {
    this.#placeholder.close();
  }
}
