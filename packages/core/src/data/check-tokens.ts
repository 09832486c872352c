import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { TimeSlices } from '../files/time-slices.js';
import type { TokenStream } from './token-stream.js';
import type { Tokenizer } from './tokenizer.js';

const CHUNK = 2 ** 18;

/**
 * Refuses a tokenizer with more ordinary tokens than the model has rows. Added tokens may exceed them: they occur only if a text contains
 * them literally, which `checkTokens` and `checkIds` find.
 *
 * @throws `ERR_TOKENIZER`.
 */
export function checkTokenizer({ name, vocab: all, ordinary = all }: Tokenizer, vocab: number): void {
  if (ordinary <= vocab) return;
  throw new MayflyError(
    'ERR_TOKENIZER',
    `Expected a tokenizer of at most the model's ${vocab} ids, got ${ordinary} (${name})`,
  );
}

/** @throws `ERR_TOKEN_RANGE`, which names the first id outside of the vocabulary. */
export function checkIds(ids: readonly number[], vocab: number, source: string, tokenizer: Tokenizer): void {
  const index = ids.findIndex((id) => id >= vocab);
  if (index >= 0) throw outOfRange(source, vocab, ids[index]!, index, tokenizer);
}

/**
 * Checks every token once (about 1 ns each), so that training need not.
 *
 * @throws `ERR_TOKEN_RANGE`, which names the first id that the vocabulary does not have and its position.
 */
export async function checkTokens(stream: TokenStream, vocab: number, tokenizer?: Tokenizer): Promise<void> {
  const slices = new TimeSlices();
  const buffer = new Int32Array(Math.min(CHUNK, stream.length));
  for (let start = 0; start < stream.length; start += CHUNK) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, stream.length - start));
    stream.read(start, chunk);
    checkBlock(stream.source, chunk, start, vocab, tokenizer);
    await slices.next();
  }
}

/** As `checkTokens`, for tokens that begin at `position` of their stream. */
export function checkBlock(
  source: string,
  ids: Int32Array,
  position: number,
  vocab: number,
  tokenizer?: Tokenizer,
): void {
  let largest = 0;
  // An id of 2^31 or more reads as negative; as an unsigned number it is beyond every vocabulary.
  for (let index = 0; index < ids.length; index++) largest = Math.max(largest, ids[index]! >>> 0);
  if (largest < vocab) return;
  const index = ids.findIndex((id) => id >>> 0 >= vocab);
  throw outOfRange(source, vocab, ids[index]! >>> 0, position + index, tokenizer);
}

function outOfRange(source: string, vocab: number, id: number, position: number, tokenizer?: Tokenizer): MayflyError {
  const token = tokenizer?.token?.(id);
  const told = token === undefined ? id : `${id} (${describeValue(token)})`;
  const expected = `Expected token ids below the vocabulary's ${vocab}`;
  return new MayflyError('ERR_TOKEN_RANGE', `${source}: ${expected}, got ${told} at position ${position}`);
}
