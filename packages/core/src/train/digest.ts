import { createHash } from 'node:crypto';
import type { Tensor } from '../memory/tensor.js';

/** SHA-256 of a tensor's bytes, in hexadecimal: equal only for tensors that are equal bit for bit. */
export function tensorDigest(tensor: Tensor): string {
  const { buffer, byteOffset } = tensor.array();
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, tensor.bytes))
    .digest('hex');
}

/** Fingerprint of a sequence of numbers that can be continued from its last value: h ← SHA-256(h ‖ fp64 of the number). */
export class SequenceDigest {
  #value: string;

  constructor(value = '') {
    this.#value = value;
  }

  /** Hexadecimal; empty before the first number. */
  get value(): string {
    return this.#value;
  }

  add(number: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(number);
    this.#value = createHash('sha256').update(Buffer.from(this.#value, 'hex')).update(bytes).digest('hex');
  }
}
