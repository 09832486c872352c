import { MayflyError } from '@mayfly/native';
import { PairMerger } from './pair-merger.js';
import { decoderBehind, decodeWith, type EncodeOptions, type TokenDecoder, type Tokenizer } from './tokenizer.js';

const BOS = 1;
const EOS = 2;
/** Ids 3 … 258 stand for raw bytes. */
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
    this.#merger = new PairMerger(pieces, scores, this.#ids);
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
