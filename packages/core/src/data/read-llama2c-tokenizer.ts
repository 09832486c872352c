import { MayflyError } from '@mayfly/native';
import { readFile } from '../files/with-file.js';
import { Llama2cTokenizer } from './llama2c-tokenizer.js';

/** Known vocabularies have 32,000. */
const LARGEST = 2 ** 20;

/**
 * Reads a vocabulary file of llama2.c: int32 length of the longest piece, then for each piece fp32 score, int32 length, bytes
 * (little-endian). The file does not say how many pieces there are: it is read to its end.
 *
 * @throws `ERR_FILE_NOT_FOUND`; `ERR_TOKENIZER` for a file that is cut or of another kind.
 */
export function readLlama2cTokenizer(path: string): Llama2cTokenizer {
  const file = readFile(path, 'a tokenizer');
  const pieces: string[] = [];
  const scores: number[] = [];
  const longest = file.length >= 4 ? file.readInt32LE(0) : 0;
  let position = 4;
  while (position < file.length) {
    if (pieces.length === LARGEST) throw notTokenizer(path, `at most ${LARGEST} pieces`, 'more');
    const left = file.length - position - 8;
    if (left < 0) throw notTokenizer(path, `8 bytes of score and length for piece ${pieces.length}`, `${left + 8}`);
    const length = file.readInt32LE(position + 4);
    const limit = Math.min(longest, left);
    if (length < 0 || length > limit) {
      throw notTokenizer(path, `piece ${pieces.length} to have 0 to ${limit} bytes`, `${length}`);
    }
    scores.push(file.readFloatLE(position));
    pieces.push(file.toString('latin1', position + 8, position + 8 + length));
    position += 8 + length;
  }
  for (let byte = 0; byte < 256; byte++) {
    const expected = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    const piece = pieces[byte + 3];
    if (piece !== expected)
      throw notTokenizer(path, `piece ${byte + 3} to be ${expected}`, piece ?? 'the end of the file');
  }
  return new Llama2cTokenizer(path, pieces, scores);
}

function notTokenizer(path: string, expected: string, actual: string): MayflyError {
  return new MayflyError(
    'ERR_TOKENIZER',
    `${path}: Expected a tokenizer file of llama2.c with ${expected}, got ${actual}`,
  );
}
