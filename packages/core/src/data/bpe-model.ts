import { BpeMerges } from './bpe-merges.js';
import { PairMerger } from './pair-merger.js';

/** The parts of a BPE model in a `tokenizer.json`. */
export interface BpeDescription {
  readonly merges: readonly string[] | readonly (readonly [string, string])[];
  readonly byte_fallback?: boolean | undefined;
  readonly ignore_merges?: boolean | undefined;
  readonly fuse_unk?: boolean | undefined;
  readonly unk_token?: string | null | undefined;
  readonly end_of_word_suffix?: string | null | undefined;
}

/** Words longer than this are not remembered. */
const LONGEST_REMEMBERED = 64;
const MOST_REMEMBERED = 100_000;
/** A character without a token, of a model without an unknown token: it is left out, and its neighbours do not merge. */
const ABSENT = -1;
/** A token in place of a character, such as a byte, never merges: it is a negative symbol, and negated again afterwards. */
const unmerged = (id: number): number => -2 - id;
/** SentencePiece's space. */
const SPACE = '▁';

/** The characters that GPT-2's byte-level tokenizers write for bytes. */
const byteCharacters: readonly string[] = (() => {
  const isShown = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173);
  let hidden = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isShown(byte) ? byte : hidden++));
})();

/** Encodes words by byte-pair merging (Sennrich et al. 2016), and remembers them. */
export class BpeModel {
  readonly #model: BpeDescription;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #merger: PairMerger;
  /** Ids of bytes: as characters of byte-level words, and as `<0x..>`. */
  readonly #byteIds: readonly (number | undefined)[];
  readonly #fallbackIds: readonly (number | undefined)[];
  readonly #unknown: number | undefined;
  /** Whether words are given as text, and become bytes here. */
  readonly #isByteLevel: boolean;
  /** No piece goes on with a space after something else: the words of a text without breaks can be merged one by one. */
  readonly #splitsAtSpaces: boolean;
  readonly #words = new Map<string, readonly number[]>();
  readonly #bytes = new TextEncoder();

  constructor(model: BpeDescription, ids: ReadonlyMap<string, number>, isByteLevel: boolean) {
    const merges = model.merges.map((pair) => (typeof pair === 'string' ? splitPair(pair) : pair));
    const idOfByte = (name: (byte: number) => string) => Array.from({ length: 256 }, (_, byte) => ids.get(name(byte)));
    this.#model = model;
    this.#ids = ids;
    this.#merger = new PairMerger(new BpeMerges(merges, ids));
    this.#byteIds = idOfByte((byte) => byteCharacters[byte]!);
    this.#fallbackIds = idOfByte((byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    this.#unknown = model.unk_token == null ? undefined : ids.get(model.unk_token);
    this.#isByteLevel = isByteLevel;
    const crossesSpace = merges.some(([left, right]) => right.startsWith(SPACE) && !/^▁+$/.test(left));
    this.#splitsAtSpaces = !isByteLevel && !crossesSpace && !model.end_of_word_suffix && model.ignore_merges !== true;
  }

  /** Appends the ids of some words. */
  encode(words: readonly string[], ids: number[]): void {
    const start = ids.length;
    for (const word of words) {
      if (!this.#splitsAtSpaces || word.length <= LONGEST_REMEMBERED) this.#append(word, ids);
      else for (const part of word.match(/▁*[^▁]+|▁+/g) ?? []) this.#append(part, ids);
    }
    if (this.#model.fuse_unk === true && this.#unknown !== undefined) fuse(ids, start, this.#unknown);
  }

  #append(word: string, ids: number[]): void {
    let own = this.#words.get(word);
    if (own === undefined) {
      own = this.#encodeWord(word);
      if (word.length <= LONGEST_REMEMBERED) {
        if (this.#words.size >= MOST_REMEMBERED) this.#words.clear();
        this.#words.set(word, own);
      }
    }
    for (const id of own) ids.push(id);
  }

  #encodeWord(word: string): readonly number[] {
    if (word === '') return [];
    const symbols: number[] = [];
    if (this.#isByteLevel) {
      const bytes = this.#bytes.encode(word);
      if (this.#model.ignore_merges === true) {
        const whole = this.#ids.get(Array.from(bytes, (byte) => byteCharacters[byte]).join(''));
        if (whole !== undefined) return [whole];
      }
      for (const byte of bytes) symbols.push(this.#byteIds[byte] ?? this.#replacement);
    } else {
      const whole = this.#model.ignore_merges === true ? this.#ids.get(word) : undefined;
      if (whole !== undefined) return [whole];
      const characters = Array.from(word);
      if (this.#model.end_of_word_suffix) characters[characters.length - 1] += this.#model.end_of_word_suffix;
      for (const character of characters) this.#appendCharacter(character, symbols);
    }
    return this.#merger.merge(symbols).flatMap((id) => (id === ABSENT ? [] : id < 0 ? unmerged(id) : id));
  }

  /** The symbol of a character without a token. */
  get #replacement(): number {
    return this.#unknown === undefined ? ABSENT : unmerged(this.#unknown);
  }

  #appendCharacter(character: string, symbols: number[]): void {
    const id = this.#ids.get(character);
    if (id !== undefined) {
      symbols.push(id);
      return;
    }
    if (this.#model.byte_fallback === true) {
      const bytes = Array.from(this.#bytes.encode(character), (byte) => this.#fallbackIds[byte]);
      if (bytes.every((byte) => byte !== undefined)) {
        symbols.push(...bytes.map(unmerged));
        return;
      }
    }
    symbols.push(this.#replacement);
  }
}

function splitPair(pair: string): readonly [string, string] {
  const [left = '', right = ''] = pair.split(' ', 2);
  return [left, right];
}

/** Makes one of several unknown tokens in a row. */
function fuse(ids: number[], start: number, unknown: number): void {
  let length = start;
  for (let index = start; index < ids.length; index++) {
    if (index > start && ids[index] === unknown && ids[length - 1] === unknown) continue;
    ids[length++] = ids[index]!;
  }
  ids.length = length;
}
