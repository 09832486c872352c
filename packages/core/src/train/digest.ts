import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Tensor } from '../memory/tensor.js';

/** Hashed at a time, some 10 ms, so that the event loop stays responsive. */
const CHUNK_BYTES = 2 ** 23;

/** SHA-256 of a tensor's bytes, in hexadecimal: equal only for tensors that are equal bit for bit. */
export function tensorDigest({ arena, offset, bytes }: Tensor): string {
  return createHash('sha256').update(arena.view(offset, bytes)).digest('hex');
}

/** The same in pieces, between which the event loop runs. The tensor must not change meanwhile. */
export async function tensorDigestInPieces({ arena, offset, bytes }: Tensor): Promise<string> {
  const hash = createHash('sha256');
  for (let start = 0; start < bytes; start += CHUNK_BYTES) {
    hash.update(arena.view(offset + start, Math.min(CHUNK_BYTES, bytes - start)));
    await setImmediate();
  }
  return hash.digest('hex');
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
