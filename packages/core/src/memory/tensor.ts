import { type DType, elementBytes, elementCount, invalidArgument, type NativeArena } from '@mayfly/native';
import { Float16Array } from '../float16.js';

/** A range of an arena that was allocated. */
export interface ArenaBlock {
  /** Byte offset into the arena, a multiple of 128. */
  readonly offset: number;
  /** Size: a multiple of 128 bytes. */
  readonly bytes: number;
  /** Whether the memory was freed: another tensor may lie there now. */
  readonly freed: boolean;
  /** Gives the memory back to the arena. Idempotent. */
  free(): void;
}

/**
 * Bytes of a dense tensor.
 *
 * @throws `ERR_INVALID_ARGUMENT` for an unknown element type, and for sizes that are not whole numbers from 0 up.
 */
export function tensorBytes(dtype: DType, shape: readonly number[]): number {
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype))
    throw invalidArgument('dtype', Object.keys(elementBytes).join(' or '), dtype);
  if (!Array.isArray(shape)) throw invalidArgument('shape', 'an array of sizes', shape);
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    const bytes = elementCount(shape) * elementBytes[dtype];
    if (Number.isSafeInteger(bytes)) return bytes;
  }
  throw invalidArgument('shape', 'whole sizes from 0 up', shape);
}

const arrayClasses = {
  fp16: Float16Array,
  fp32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
} as const;

type ArrayClass<View> = new (buffer: ArrayBuffer, byteOffset: number, length: number) => View;

/** The typed array of an element type. A `bool` is 0 or 1. */
export type ArrayOf<T extends DType> = InstanceType<(typeof arrayClasses)[T]>;

/** A dense, row-major range of an arena. It does not own its memory: its block does. */
export class Tensor<T extends DType = DType> {
  /** Number of elements: the product of the sizes. */
  readonly elements: number;
  readonly bytes: number;
  readonly #block: ArenaBlock | null;

  /**
   * @param arena The mapping that holds the elements.
   * @param offset Byte offset into the arena.
   * @param block The block of memory that holds the tensor, if it may be freed before the arena is closed.
   * @throws `ERR_INVALID_ARGUMENT`
   */
  constructor(
    readonly arena: NativeArena,
    readonly offset: number,
    readonly dtype: T,
    readonly shape: readonly number[],
    block: ArenaBlock | null = null,
  ) {
    this.bytes = tensorBytes(dtype, shape);
    this.elements = this.bytes / elementBytes[dtype];
    this.#block = block;
    if (typeof arena?.view !== 'function') throw invalidArgument('arena', 'an arena', arena);
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw invalidArgument('offset', 'a whole number from 0 up', offset);
  }

  /** Whether its memory was freed, for instance by `ArenaScope.free`. A freed tensor can be neither read nor written. */
  get freed(): boolean {
    return this.#block?.freed ?? false;
  }

  /**
   * Writes the elements, rounded to the element type as typed arrays do: fp16 and fp32 to the nearest, ties to even.
   *
   * @param values One number for each element, row by row; or one number for all.
   * @throws `ERR_INVALID_ARGUMENT` for another count, and for a freed tensor.
   */
  set(values: number | ArrayLike<number>): void {
    const array = this.array();
    if (typeof values === 'number') array.fill(values);
    else if (values?.length === this.elements) array.set(values);
    else throw invalidArgument('values', `a number or ${this.elements} numbers`, values?.length ?? values);
  }

  /**
   * A copy of the elements as numbers, row by row. fp16 elements come as fp32.
   *
   * @throws `ERR_INVALID_ARGUMENT` for a freed tensor.
   */
  values(): ArrayOf<Exclude<T, 'fp16'>> | (T extends 'fp16' ? Float32Array<ArrayBuffer> : never) {
    const array = this.array();
    return (array instanceof Float16Array ? Float32Array.from(array) : array.slice()) as ReturnType<this['values']>;
  }

  /**
   * The elements as a typed array over the shared memory: every process of the pool reads the values written to it. For fp16 it is a
   * `Float16Array`, which before Node 24 comes from a package and is slow element by element: use `set`, `values` or `bits`.
   *
   * @throws `ERR_INVALID_ARGUMENT` for a freed tensor.
   */
  array(): ArrayOf<T> {
    return this.#view(arrayClasses[this.dtype] as unknown as ArrayClass<ArrayOf<T>>);
  }

  /**
   * The bits of fp16 elements (IEEE binary16), as a typed array over the shared memory.
   *
   * @throws `ERR_INVALID_ARGUMENT` for another element type, and for a freed tensor.
   */
  bits(this: Tensor<'fp16'>): Uint16Array {
    if (this.dtype !== 'fp16') throw invalidArgument('dtype', 'fp16 to have bits', this.dtype);
    return this.#view(Uint16Array);
  }

  /** The part that starts at element `from`, with another shape. */
  at(from: number, shape: readonly number[]): Tensor<T> {
    const elements = tensorBytes(this.dtype, shape) / elementBytes[this.dtype];
    if (!Number.isSafeInteger(from) || from < 0 || from + elements > this.elements) {
      throw invalidArgument('part', `within ${this.elements} elements`, `${elements} from ${String(from)}`);
    }
    return new Tensor(this.arena, this.offset + from * elementBytes[this.dtype], this.dtype, shape, this.#block);
  }

  #view<View>(type: ArrayClass<View>): View {
    if (this.freed) throw invalidArgument('a tensor', 'one whose memory is allocated', 'one that was freed');
    const { buffer, byteOffset } = this.arena.view(this.offset, this.bytes);
    return new type(buffer as ArrayBuffer, byteOffset, this.elements);
  }
}
