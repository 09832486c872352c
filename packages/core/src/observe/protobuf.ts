/** Writes one message in the protobuf wire format (https://protobuf.dev/programming-guides/encoding/): fields in the order of the calls. */
export class ProtobufWriter {
  readonly #bytes: number[] = [];

  /** int64, uint64, bool or enum; from 0 to 2⁵³ − 1. */
  varint(field: number, value: number): this {
    return this.#varint(8 * field).#varint(value);
  }

  fixed64(field: number, value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return this.#raw(field, 1, bytes);
  }

  double(field: number, value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return this.#raw(field, 1, bytes);
  }

  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return this.#raw(field, 5, bytes);
  }

  /** string, bytes, or a message. */
  bytes(field: number, value: string | Uint8Array | ProtobufWriter): this {
    const bytes = value instanceof ProtobufWriter ? value.#bytes : Buffer.from(value as string);
    this.#varint(8 * field + 2).#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** repeated double, packed. */
  doubles(field: number, values: readonly number[]): this {
    const bytes = Buffer.alloc(8 * values.length);
    for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, 8 * index);
    return this.bytes(field, bytes);
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #raw(field: number, type: number, bytes: Uint8Array): this {
    this.#varint(8 * field + type);
    this.#bytes.push(...bytes);
    return this;
  }

  #varint(value: number): this {
    let left = value;
    for (; left > 127; left = Math.floor(left / 128)) this.#bytes.push((left % 128) + 128);
    this.#bytes.push(left);
    return this;
  }
}
