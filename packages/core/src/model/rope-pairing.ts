import type { ModelConfig } from './config.js';

type Pairing = ModelConfig['ropePairing'];

/**
 * The rows of queries or keys for the other pairing of RoPE. Pair i of a head is rows 2i and 2i + 1 where pairs are interleaved, rows
 * i and i + headDim/2 where they are halves. The same order of q and k leaves all scores of attention as they are.
 *
 * @param values [heads · headDim, columns].
 */
export function pairRows(
  values: Float32Array,
  headDim: number,
  columns: number,
  from: Pairing,
  to: Pairing,
): Float32Array {
  if (from === to) return values;
  const paired = new Float32Array(values.length);
  const rows = values.length / columns;
  const pairs = headDim / 2;
  for (let row = 0; row < rows; row++) {
    const within = row % headDim;
    const moved =
      to === 'half' ? (within % 2) * pairs + Math.floor(within / 2) : (within % pairs) * 2 + Math.floor(within / pairs);
    const target = row - within + moved;
    paired.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return paired;
}
