import { isRecord } from '../files/read-file.js';
import { commonLength } from './common-length.js';
import type { TokenDecoder } from './tokenizer.js';

/** Decodes ids all at once. */
export interface WholeDecoder {
  /** The text of ids, not yet finished. A further id only adds to it, except to the end that `settled` leaves out. */
  text(ids: readonly number[]): string;
  /** Length of the beginning of a text that no further ids change. */
  settled(text: string): number;
  /** Finishes a text. The result for the settled part alone is the beginning of the result for the whole. */
  finish(text: string): string;
}

/** The largest number of ids decoded again with each new one; beyond it only the last few are kept, as context. */
const LONGEST_CONTEXT = 64;
const SHORTEST_CONTEXT = 16;
const REPLACEMENT = '\uFFFD';

/**
 * Decodes ids one by one. Each time it decodes all ids again, so that the pieces add up to the text of `decode`. When no text is held
 * back, it forgets the ids without which the others give the same text.
 */
export class HeldDecoder implements TokenDecoder {
  readonly #whole: WholeDecoder;
  #ids: number[];
  /** The part of the ids' text that was given out. */
  #given: string;

  constructor(whole: WholeDecoder, before: Iterable<number>) {
    this.#whole = whole;
    this.#ids = [...before];
    // An unfinished character at the end of a prompt is not part of the emitted text.
    this.#given = whole.finish(whole.text(this.#ids)).replace(/\uFFFD$/, '');
  }

  write(id: number): string {
    this.#ids.push(id);
    const text = this.#whole.text(this.#ids);
    const settled = this.#whole.settled(text);
    const added = this.#give(this.#whole.finish(text.slice(0, settled)));
    if (settled === text.length && this.#ids.length >= LONGEST_CONTEXT) this.#forget(text);
    return added;
  }

  end(): string {
    const added = this.#give(this.#whole.finish(this.#whole.text(this.#ids)));
    this.#ids = [];
    this.#given = '';
    return added;
  }

  /** The part of `text` after the emitted text. The two may differ before its end only after a prompt. */
  #give(text: string): string {
    if (this.#given.startsWith(text)) return '';
    const added = text.slice(commonLength(this.#given, text));
    this.#given = text;
    return added;
  }

  #forget(text: string): void {
    const ids = this.#ids.slice(-SHORTEST_CONTEXT);
    const rest = this.#whole.text(ids);
    if (rest === '' || rest.includes(REPLACEMENT) || !text.endsWith(rest.trimStart())) return;
    this.#ids = ids;
    this.#given = this.#whole.finish(rest);
  }
}

/** Decoders that look at each piece alone: only before pieces are joined. */
const perPiece: ReadonlySet<unknown> = new Set(['Replace', 'Strip', 'Metaspace', 'WordPiece']);
/** Decoders that concatenate pieces, so that new ids do not change the text before an unfinished last character. */
const joining: ReadonlySet<unknown> = new Set(['ByteFallback', 'ByteLevel', 'Fuse']);

/**
 * Whether the decoder of a `tokenizer.json` makes text that only grows at its end as ids are added. Others look at the whole
 * (CTC, a replacement after pieces were joined), or at which piece is the last.
 */
export function growsAtItsEnd(decoder: unknown): boolean {
  let isJoined = false;
  for (const step of stepsOf(decoder)) {
    const isGrowing = joining.has(step.type) || (perPiece.has(step.type) && !isJoined);
    if (!isGrowing && !(step.type === 'Strip' && (step.stop ?? 0) === 0)) return false;
    isJoined ||= joining.has(step.type);
  }
  return true;
}

function stepsOf(decoder: unknown): Readonly<Record<string, unknown>>[] {
  if (!isRecord(decoder)) return [];
  return decoder.type === 'Sequence' && Array.isArray(decoder.decoders) ? decoder.decoders.flatMap(stepsOf) : [decoder];
}

/** The spaces that transformers removes if `clean_up_tokenization_spaces` is set, in its order. */
const replacements: readonly (readonly [pattern: string, replacement: string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

export function cleanUp(text: string): string {
  return replacements.reduce((cleaned, [pattern, replacement]) => cleaned.replaceAll(pattern, replacement), text);
}

/** The characters of the patterns. */
const inPatterns: ReadonlySet<string> = new Set(replacements.flatMap(([pattern]) => [...pattern]));

/**
 * Length of the beginning of a text that can be cleaned up without the rest: up to the last place that no pattern extends over, even
 * after the spaces around it are removed. Such a place is behind a character of no pattern, or before a space
 * that does not follow a space, an apostrophe (" ' ") or an n ("n 't").
 */
export function cleanableLength(text: string): number {
  for (let place = text.length; place > 0; place--) {
    const before = text[place - 1]!;
    if (!inPatterns.has(before) || (text[place] === ' ' && !" 'n".includes(before))) return place;
  }
  return 0;
}
