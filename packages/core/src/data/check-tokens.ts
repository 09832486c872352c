import { MayflyError } from '@mayfly/native';
import type { TokenStream } from './token-stream.js';

const CHUNK = 2 ** 18;

/**
 * Looks at every token once (about 1 ns each), so that training needs to look at none.
 *
 * @throws `ERR_TOKEN_RANGE`, which names the first id that the vocabulary does not have and its position.
 */
export function checkTokens(stream: TokenStream, vocab: number): void {
  const buffer = new Int32Array(Math.min(CHUNK, stream.length));
  for (let start = 0; start < stream.length; start += CHUNK) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, stream.length - start));
    stream.read(start, chunk);
    let largest = 0;
    // An id of 2^31 or more reads as negative: as an unsigned number it is too large, too.
    for (let index = 0; index < chunk.length; index++) largest = Math.max(largest, chunk[index]! >>> 0);
    if (largest < vocab) continue;
    const index = chunk.findIndex((id) => id >>> 0 >= vocab);
    throw new MayflyError(
      'ERR_TOKEN_RANGE',
      `${stream.source}: Expected token ids below the vocabulary's ${vocab}, got ${chunk[index]! >>> 0} at position ${start + index}`,
    );
  }
}
