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

/** A range of an arena that was handed out. */
export interface Block {
  readonly offset: number;
  readonly bytes: number;
  /** Whether the memory was freed: another tensor may lie there now. */
  readonly freed: boolean;
  /** Idempotent. */
  free(): void;
}

/** Errors: `ERR_INVALID_ARGUMENT` where there is no such type, or a size is no whole number from 0 up. */
export function tensorBytes(dtype: DType, shape: readonly number[]): number {
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype))
    throw invalidArgument('dtype', Object.keys(elementBytes).join(' or '), dtype);
  if (!Array.isArray(shape)) throw invalidArgument('shape', 'an array of sizes', shape);
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    const bytes = shape.reduce((product: number, size) => product * size, elementBytes[dtype]);
    if (Number.isSafeInteger(bytes)) return bytes;
  }
  throw invalidArgument('shape', 'whole sizes from 0 up', shape);
}

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
  readonly #block: Block | null;

  /** @param block The block of memory that it lies in, if that may be freed before the arena is closed. */
  constructor(
    readonly arena: NativeArena,
    /** Byte offset into the arena. */
    readonly offset: number,
    readonly dtype: T,
    readonly shape: readonly number[],
    block: Block | null = null,
  ) {
    this.bytes = tensorBytes(dtype, shape);
    this.elements = this.bytes / elementBytes[dtype];
    this.#block = block;
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw invalidArgument('offset', 'a whole number from 0 up', offset);
  }

  /** Whether its memory was freed, for instance by `ArenaScope.free`: nobody may read or write it any more. */
  get freed(): boolean {
    return this.#block?.freed ?? false;
  }

  /** A live typed-array view: writes are seen by every process of the pool. Errors: `ERR_INVALID_ARGUMENT` where it was freed. */
  array(): ArrayOf[T] {
    if (this.freed) throw invalidArgument('a tensor', 'one whose memory is its own', 'one that was freed');
    const { buffer, byteOffset } = this.arena.view(this.offset, this.bytes);
    return new arrayClass[this.dtype](buffer as ArrayBuffer, byteOffset, this.elements) as ArrayOf[T];
  }

  /** The part that starts `from` elements in, seen with another shape. */
  at(from: number, shape: readonly number[]): Tensor<T> {
    const elements = tensorBytes(this.dtype, shape) / elementBytes[this.dtype];
    if (!Number.isSafeInteger(from) || from < 0 || from + elements > this.elements) {
      throw invalidArgument('part', `within ${this.elements} elements`, `${elements} from ${String(from)}`);
    }
    return new Tensor(this.arena, this.offset + from * elementBytes[this.dtype], this.dtype, shape, this.#block);
  }
}
