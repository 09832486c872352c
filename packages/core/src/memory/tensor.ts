import { type DType, invalidArgument, type NativeArena } from '@mayfly/native';

/** Bytes of one element. */
export const elementBytes: Readonly<Record<DType, number>> = {
  fp16: 2,
  fp32: 4,
  int32: 4,
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
};

/** Typed arrays by dtype; fp16 has none in Node 20 and is seen as its bits. */
interface ArrayOf {
  fp16: Uint16Array;
  fp32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
}

const arrayClass = {
  fp16: Uint16Array,
  fp32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
} as const;

/** A dense, row-major range of an arena. Owns nothing: its block does. */
export class Tensor<T extends DType = DType> {
  readonly elements: number;
  readonly bytes: number;

  constructor(
    readonly arena: NativeArena,
    /** Byte offset into the arena. */
    readonly offset: number,
    readonly dtype: T,
    readonly shape: readonly number[],
  ) {
    this.elements = shape.reduce((product, size) => product * size, 1);
    this.bytes = this.elements * elementBytes[dtype];
    if (!Number.isSafeInteger(this.elements) || shape.some((size) => size < 0)) {
      throw invalidArgument('shape', 'whole sizes from 0 up', `[${shape.join(', ')}]`);
    }
  }

  /** A live typed-array view: writes are seen by every process of the pool. */
  array(): ArrayOf[T] {
    const { buffer, byteOffset } = this.arena.view(this.offset, this.bytes);
    return new arrayClass[this.dtype](buffer as ArrayBuffer, byteOffset, this.elements) as ArrayOf[T];
  }

  /** The part that starts `from` elements in, seen with another shape. */
  at(from: number, shape: readonly number[]): Tensor<T> {
    const part = new Tensor(this.arena, this.offset + from * elementBytes[this.dtype], this.dtype, shape);
    if (from < 0 || from + part.elements > this.elements) {
      throw invalidArgument('part', `within ${this.elements} elements`, `${part.elements} from ${from}`);
    }
    return part;
  }
}
