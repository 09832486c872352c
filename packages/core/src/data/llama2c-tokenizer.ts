import { MayflyError } from '@mayfly/native';
import { readFile } from '../files/read-file.js';
import { PairMerger } from './pair-merger.js';
import { decoderBehind, decodeWith, type EncodeOptions, type TokenDecoder, type Tokenizer } from './tokenizer.js';

const BOS = 1;
const EOS = 2;
/** Ids 3 … 258 are raw bytes. */
const FIRST_BYTE = 3;
/** Words longer than this are not remembered. */
const LONGEST_REMEMBERED = 32;
const MOST_REMEMBERED = 100_000;

/**
 * The tokenizer of llama2.c (run.c): a SentencePiece BPE vocabulary with byte fallback. A text gets a space in front; each
 * character is looked up, or falls apart into bytes; then neighbours are merged, the best score first.
 */
export class Llama2cTokenizer implements Tokenizer {
  readonly vocab: number;
  readonly bos = BOS;
  readonly eos = EOS;
  /** Run.c ends a text at BOS, with which the next would begin. */
  readonly stops = [EOS, BOS];
  /** Pieces as byte strings: one character per byte. */
  readonly #pieces: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #merger: PairMerger;
  /** No piece goes on with a space after something else: words can be merged one by one, and remembered. */
  readonly #wordsAreIndependent: boolean;
  readonly #words = new Map<string, readonly number[]>();

  /** @param pieces The bytes of each piece, as byte strings (latin1). */
  constructor(
    readonly name: string,
    pieces: readonly string[],
    scores: readonly number[],
  ) {
    this.vocab = pieces.length;
    this.#pieces = pieces;
    // The first of equal pieces counts.
    this.#ids = new Map(pieces.map((piece, id) => [piece, id] as const).reverse());
    // The better the score, the earlier the merge; equal scores share a rank.
    const falling = [...new Set(scores)].sort((a, b) => b - a);
    const rankOf = new Map(falling.map((score, rank) => [score, rank]));
    this.#merger = new PairMerger({
      find: (left, right) => this.#ids.get(pieces[left]! + pieces[right]!) ?? -1,
      ranks: Uint32Array.from(scores, (score) => rankOf.get(score)!),
      results: Uint32Array.from(pieces, (_, id) => id),
    });
    this.#wordsAreIndependent = pieces.every((piece) => !/[^ ] /.test(piece));
  }

  encode(text: string, { bos = true }: EncodeOptions = {}): number[] {
    const ids = bos ? [BOS] : [];
    if (text === '') return ids;
    const spaced = ` ${text}`;
    const words = this.#wordsAreIndependent ? (spaced.match(/ *[^ ]+| +/g) ?? []) : [spaced];
    for (const word of words) {
      for (const id of this.#encodeWord(word)) ids.push(id);
    }
    return ids;
  }

  decode(ids: Iterable<number>): string {
    return decodeWith(this.decoder(), ids);
  }

  /** The space that `encode` put in front is taken off after BOS; BOS and EOS themselves are no text. */
  decoder(before: Iterable<number> = []): TokenDecoder {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    let afterBos = false;
    const decoder: TokenDecoder = {
      write: (id) => {
        const piece = this.#pieces[id];
        if (piece === undefined) {
          throw new MayflyError(
            'ERR_TOKEN_RANGE',
            `Expected a token id below the vocabulary's ${this.vocab}, got ${id}`,
          );
        }
        const first = afterBos;
        afterBos = id === BOS;
        if (id === BOS || id === EOS) return '';
        const isByte = id >= FIRST_BYTE && id < FIRST_BYTE + 256;
        const bytes = isByte ? String.fromCharCode(id - FIRST_BYTE) : first ? piece.replace(/^ /, '') : piece;
        return utf8.decode(Buffer.from(bytes, 'latin1'), { stream: true });
      },
      end: () => {
        afterBos = false;
        return utf8.decode();
      },
    };
    return decoderBehind(decoder, before);
  }

  #encodeWord(word: string): readonly number[] {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const ids = this.#merger.merge(this.#characters(word));
    if (word.length <= LONGEST_REMEMBERED) {
      if (this.#words.size >= MOST_REMEMBERED) this.#words.clear();
      this.#words.set(word, ids);
    }
    return ids;
  }

  #characters(text: string): number[] {
    const ids: number[] = [];
    for (const character of text) {
      const bytes = Buffer.from(character);
      const id = this.#ids.get(bytes.toString('latin1'));
      if (id !== undefined) ids.push(id);
      else for (const byte of bytes) ids.push(byte + FIRST_BYTE);
    }
    return ids;
  }
}

/** Known vocabularies have 32,000. */
const LARGEST = 2 ** 20;

/**
 * Reads a vocabulary file of llama2.c: int32 length of the longest piece, then for each piece fp32 score, int32 length, bytes
 * (little-endian). The file does not say how many pieces there are: it is read to its end.
 *
 * @throws `ERR_FILE_NOT_FOUND`; `ERR_TOKENIZER` for a file that is cut or of another kind.
 */
export function readLlama2cTokenizer(path: string): Llama2cTokenizer {
  const { pieces, scores } = readLlama2cVocabulary(path);
  return new Llama2cTokenizer(path, pieces, scores);
}

/** A vocabulary of llama2.c, by id. */
export interface Llama2cVocabulary {
  /** The bytes of each piece, as byte strings (latin1). */
  readonly pieces: readonly string[];
  readonly scores: readonly number[];
}

/** As `readLlama2cTokenizer`, the pieces alone. */
export function readLlama2cVocabulary(path: string): Llama2cVocabulary {
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
  return { pieces, scores };
}

function notTokenizer(path: string, expected: string, actual: string): MayflyError {
  return new MayflyError(
    'ERR_TOKENIZER',
    `${path}: Expected a tokenizer file of llama2.c with ${expected}, got ${actual}`,
  );
}
