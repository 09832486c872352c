import { fileError } from '../files/errors.js';
import { TimeSlices } from '../files/time-slices.js';
import type { DataRange } from './data-files.js';
import { readSamples } from './read-samples.js';
import { type EncodedSample, encodeSample, type RowOptions } from './sample.js';
import { DOCUMENT_START, UNCOUNTED } from './token-stream.js';
import type { Tokenizer } from './tokenizer.js';

/** How documents become tokens. */
export interface EncodeOptions extends RowOptions {
  /** Let only completions and the assistant's turns count. */
  readonly maskPrompt: boolean;
  /** Make marks: tokens that do not count, and first tokens of documents. */
  readonly marks: boolean;
}

/** Options of functions that read much. */
export interface ReadOptions {
  /** Receives the bytes that are done. */
  readonly progress: { add(bytes: number): void };
  readonly signal?: AbortSignal | undefined;
}

/** Token ids in the smallest element type that holds the vocabulary. */
export type Tokens = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** The documents of a part as one row of tokens. */
export interface EncodedPart {
  readonly tokens: Tokens;
  /** One for each token, as `TokenStream.readMarks` gives them; null where none are made. */
  readonly marks: Uint8Array<ArrayBuffer> | null;
}

/** Encodes a part of the data. Where the tokenizer puts nothing around a text, its separator is between two texts of files. */
export async function encodePart(
  ranges: readonly DataRange[],
  tokenizer: Tokenizer,
  options: EncodeOptions,
  { progress, signal }: ReadOptions,
): Promise<EncodedPart> {
  const buffer = new TokenBuffer(tokenizer.vocab, options.marks);
  const slices = new TimeSlices();
  for (const range of ranges) {
    try {
      for await (const { sample, bytes, where } of readSamples(range, options)) {
        if (buffer.length > 0 && 'document' in sample) buffer.append({ ids: tokenizer.separator ?? [] });
        buffer.startDocument();
        buffer.append(encodeSample(tokenizer, sample, { ...options, where }));
        progress.add(bytes);
        await slices.next();
        signal?.throwIfAborted();
      }
    } catch (error) {
      throw fileError(`read data at ${range.path}`, error);
    }
  }
  return buffer.done();
}

/** What stands between the documents of a part and those before it; null where nothing does. */
export function separatorBefore(
  ranges: readonly DataRange[],
  { marks }: EncodedPart,
  { separator = [], vocab }: Tokenizer,
): EncodedPart | null {
  if (ranges[0]?.format !== 'text' || separator.length === 0) return null;
  const tokens = vocab <= 2 ** 16 ? Uint16Array.from(separator) : Uint32Array.from(separator);
  return { tokens, marks: marks && new Uint8Array(separator.length) };
}

/** Grows by doubling. */
class TokenBuffer {
  #tokens: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  #marks: Uint8Array<ArrayBuffer> | null;
  #length = 0;
  /** The next token is the first of a document. */
  #atStart = false;

  constructor(vocab: number, hasMarks: boolean) {
    this.#tokens = vocab <= 2 ** 16 ? new Uint16Array(2 ** 16) : new Uint32Array(2 ** 16);
    this.#marks = hasMarks ? new Uint8Array(2 ** 16) : null;
  }

  get length(): number {
    return this.#length;
  }

  startDocument(): void {
    this.#atStart = true;
  }

  append({ ids, counted }: EncodedSample): void {
    const start = this.#length;
    this.#reserve(start + ids.length);
    this.#tokens.set(ids, start);
    this.#length = start + ids.length;
    if (this.#marks === null || ids.length === 0) return;
    if (counted !== undefined) {
      this.#marks.fill(UNCOUNTED, start, this.#length);
      for (const [begin, end] of counted) this.#marks.fill(0, start + begin, start + end);
    }
    if (this.#atStart) this.#marks[start]! |= DOCUMENT_START;
    this.#atStart = false;
  }

  /** The tokens, in memory of exactly their size. */
  done(): EncodedPart {
    return {
      tokens: this.#tokens.slice(0, this.#length),
      marks: this.#marks?.slice(0, this.#length) ?? null,
    };
  }

  #reserve(needed: number): void {
    if (needed <= this.#tokens.length) return;
    const larger = Math.max(needed, 2 * this.#tokens.length);
    const grown = this.#tokens instanceof Uint16Array ? new Uint16Array(larger) : new Uint32Array(larger);
    grown.set(this.#tokens);
    this.#tokens = grown;
    if (this.#marks === null) return;
    const marks = new Uint8Array(larger);
    marks.set(this.#marks);
    this.#marks = marks;
  }
}
