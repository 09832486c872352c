/** Writes one message in the protobuf wire format (https://protobuf.dev/programming-guides/encoding/): fields in the order of the calls. */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(64);
  #length = 0;

  /** The message so far, without a copy: until the next field. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins a new message in the same memory. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** int64, uint64, bool or enum; from 0 to 2⁵³ − 1. */
  varint(field: number, value: number): this {
    this.#varint(8 * field);
    this.#varint(value);
    return this;
  }

  /** From 0 to 2⁵³ − 1. */
  fixed64(field: number, value: number): this {
    const at = this.#fixed(field, 1, 8);
    this.#bytes.writeUInt32LE(value % 2 ** 32, at);
    this.#bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
    return this;
  }

  double(field: number, value: number): this {
    const at = this.#fixed(field, 1, 8);
    this.#bytes.writeDoubleLE(value, at);
    return this;
  }

  float(field: number, value: number): this {
    const at = this.#fixed(field, 5, 4);
    this.#bytes.writeFloatLE(value, at);
    return this;
  }

  /** string, bytes, or a message. */
  bytes(field: number, value: string | Uint8Array | ProtobufWriter): this {
    const bytes =
      value instanceof ProtobufWriter ? value.written : typeof value === 'string' ? Buffer.from(value) : value;
    this.#varint(8 * field + 2);
    this.#varint(bytes.length);
    return this.fields(bytes);
  }

  /** Fields of this message that were written before. */
  fields(written: Uint8Array): this {
    const at = this.#grow(written.length);
    this.#bytes.set(written, at);
    return this;
  }

  /** repeated double, packed. */
  doubles(field: number, values: readonly number[]): this {
    const bytes = Buffer.alloc(8 * values.length);
    for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, 8 * index);
    return this.bytes(field, bytes);
  }

  /** A copy of the message. */
  finish(): Buffer {
    return Buffer.from(this.written);
  }

  /** Returns where the value begins. */
  #fixed(field: number, type: number, bytes: number): number {
    this.#varint(8 * field + type);
    return this.#grow(bytes);
  }

  #varint(value: number): void {
    let at = this.#grow(10);
    let left = value;
    // Bits of an int32 where they suffice: remainders of doubles are slow.
    for (; left >= 2 ** 31; left = Math.floor(left / 128)) this.#bytes[at++] = (left % 128) + 128;
    for (; left > 127; left >>= 7) this.#bytes[at++] = (left & 127) | 128;
    this.#bytes[at++] = left;
    this.#length = at;
  }

  /** Makes room behind the message, and returns where it begins. */
  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }
}
