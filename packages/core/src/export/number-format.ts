import { MayflyError } from '@mayfly/native';
import { Float16Array } from '../float16.js';

/** The formats in which `exportModel` writes numbers. */
export type ExportDtype = 'f32' | 'f16' | 'bf16' | 'q8_0';

/** Elements of a block of Q8_0, which share one scale. */
export const Q8_BLOCK = 32;
const Q8_BLOCK_BYTES = 2 + Q8_BLOCK;

/** How numbers are stored in a file. */
export interface NumberFormat {
  /** Bytes of `count` elements; of Q8_0 whole blocks. */
  bytes(count: number): number;
  /** The elements as the file has them, little-endian. Of Q8_0 whole blocks. */
  encode(values: Float32Array): Uint8Array;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

export const numberFormats: Readonly<Record<ExportDtype, NumberFormat>> = {
  // Every machine that Mayfly supports is little-endian, as the files are.
  f32: { bytes: (count) => 4 * count, encode: bytesOf },
  f16: { bytes: (count) => 2 * count, encode: (values) => bytesOf(toFloat16(values)) },
  bf16: { bytes: (count) => 2 * count, encode: (values) => bytesOf(toBfloat16(values)) },
  q8_0: { bytes: (count) => (count / Q8_BLOCK) * Q8_BLOCK_BYTES, encode: toQ8 },
};

function toFloat16(values: Float32Array): Float16Array {
  const halves = new Float16Array(values);
  for (let index = 0; index < halves.length; index++) {
    if (Number.isFinite(halves[index])) continue;
    throw new MayflyError(
      'ERR_MODEL_VALUES',
      `Expected values of at most 65,504 for f16, got ${values[index]}: export as bf16 or f32`,
    );
  }
  return halves;
}

/** Rounds to the nearest, ties to even: the upper half of an fp32. */
function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index]!;
    rounded[index] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return rounded;
}

/** Each block: an fp16 scale, the largest magnitude / 127, and 32 whole numbers (ggml's `block_q8_0`). */
function toQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / Q8_BLOCK;
  const encoded = new Uint8Array(blocks * Q8_BLOCK_BYTES);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const start = block * Q8_BLOCK;
    let largest = 0;
    for (let index = start; index < start + Q8_BLOCK; index++) largest = Math.max(largest, Math.abs(values[index]!));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    const target = block * Q8_BLOCK_BYTES + 2;
    for (let index = 0; index < Q8_BLOCK; index++) {
      const scaled = Math.fround(values[start + index]! * inverse);
      // C's roundf: ties away from zero.
      encoded[target + index] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  const halves = new Uint16Array(toFloat16(scales).buffer);
  for (let block = 0; block < blocks; block++) {
    encoded[block * Q8_BLOCK_BYTES] = halves[block]! & 0xff;
    encoded[block * Q8_BLOCK_BYTES + 1] = halves[block]! >>> 8;
  }
  return encoded;
}
