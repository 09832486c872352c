import { invalidArgument, MayflyError } from '@mayfly/native';

/** A mark of a token: as a target it has no loss, such as a part of a prompt. */
export const UNCOUNTED = 1;
/** A mark of a token: it is the first of its document. */
export const DOCUMENT_START = 2;
/** Marks that are read at once. */
const MARKS_READ = 2 ** 20;

/** A sequence of token ids, in memory or in a file. */
export interface TokenStream extends Disposable {
  /** Its origin, for messages: a path, or a name that the caller chose. */
  readonly source: string;
  /** Tokens in the stream. */
  readonly length: number;
  /**
   * Copies `target.length` tokens from `offset` on into `target`.
   *
   * @throws `RangeError` beyond the end.
   */
  read(offset: number, target: Int32Array): void;
  /**
   * Copies the marks of `target.length` tokens from `offset` on into `target`: a sum of 1, for a token that does not count as a target,
   * and 2, for the first token of a document. Absent: all count, and all are one document.
   *
   * @throws `RangeError` beyond the end.
   */
  readMarks?(offset: number, target: Uint8Array): void;
  /** Closes files. Idempotent. */
  close(): void;
}

/** Tokens in memory. */
export class TokenArray implements TokenStream {
  readonly #tokens: Uint8Array | Uint16Array | Uint32Array;
  readonly readMarks?: NonNullable<TokenStream['readMarks']>;

  /** @param marks One for each token, as `readMarks` gives them. Default: none. */
  constructor(
    tokens: Uint8Array | Uint16Array | Uint32Array,
    readonly source: string,
    marks?: Uint8Array,
  ) {
    this.#tokens = tokens;
    if (marks === undefined) return;
    this.readMarks = (offset, target) => {
      checkRange(this, offset, target.length);
      target.set(marks.subarray(offset, offset + target.length));
    };
  }

  get length(): number {
    return this.#tokens.length;
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    target.set(this.#tokens.subarray(offset, offset + target.length));
  }

  close(): void {}

  /** As `close`, for `using`: tokens in memory have nothing to close. */
  [Symbol.dispose](): void {}
}

/** A stream of consecutive tokens of another stream. */
export class TokenSlice implements TokenStream {
  readonly length: number;
  readonly #stream: TokenStream;
  readonly #start: number;
  readonly readMarks?: NonNullable<TokenStream['readMarks']>;

  /** Tokens `start` (included) to `end` (not included). Closing the slice leaves the stream open. */
  constructor(stream: TokenStream, start: number, end: number) {
    checkRange(stream, start, end - start);
    this.length = end - start;
    this.#stream = stream;
    this.#start = start;
    if (stream.readMarks === undefined) return;
    this.readMarks = (offset, target) => {
      checkRange(this, offset, target.length);
      stream.readMarks!(start + offset, target);
    };
  }

  get source(): string {
    return this.#stream.source;
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    this.#stream.read(this.#start + offset, target);
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

export function checkRange(stream: TokenStream, offset: number, count: number): void {
  if (offset >= 0 && count >= 0 && offset + count <= stream.length) return;
  throw new RangeError(`Expected a range within ${stream.length} tokens, got ${count} from ${offset}`);
}

/** The two parts of a stream that `splitTokens` makes. */
export interface TokenParts {
  /** The beginning of the stream. */
  readonly training: TokenStream;
  /** The end of the stream; absent if the fraction is 0. */
  readonly validation: TokenStream | undefined;
}

/**
 * Keeps the end of a stream for validation.
 *
 * @param window Tokens in a window; either part holds one at least (window + 1 tokens).
 * @param fraction Share of the stream for validation; 0 keeps none. Default: 0.05.
 * @throws `ERR_DATA_SHORT` if the stream is too short for a window in each part.
 */
export function splitTokens(stream: TokenStream, window: number, fraction = 0.05): TokenParts {
  if (!(fraction >= 0 && fraction < 1)) throw invalidArgument('validation', 'a fraction from 0 to below 1', fraction);
  if (fraction === 0) {
    expectTokens(stream, window + 1, `a window of ${window} and its last target`);
    return { training: stream, validation: undefined };
  }
  expectTokens(stream, 2 * (window + 1), `a window of ${window} each for training and validation`);
  const kept = Math.max(window + 1, Math.floor(stream.length * fraction));
  const border = Math.max(window + 1, stream.length - kept);
  return {
    training: new TokenSlice(stream, 0, border),
    validation: new TokenSlice(stream, border, stream.length),
  };
}

/** @throws `ERR_DATA_FORMAT` for a stream that is one document, in which masks of documents would mask nothing. */
export function expectDocuments(stream: TokenStream): void {
  for (let start = 1; start < stream.length && stream.readMarks !== undefined; start += MARKS_READ) {
    const marks = new Uint8Array(Math.min(MARKS_READ, stream.length - start));
    stream.readMarks(start, marks);
    if (marks.some((mark) => mark & DOCUMENT_START)) return;
  }
  const expected = 'several documents for --document-mask (files, rows, or texts between lines of <|endoftext|>)';
  throw new MayflyError('ERR_DATA_FORMAT', `${stream.source}: Expected ${expected}, got one`);
}

export function expectTokens(stream: TokenStream, count: number, purpose: string): void {
  if (stream.length >= count) return;
  throw new MayflyError(
    'ERR_DATA_SHORT',
    `${stream.source}: Expected at least ${count} tokens (${purpose}), got ${stream.length}`,
  );
}
