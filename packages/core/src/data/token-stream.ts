/** Token ids in a row, wherever they are kept. */
export interface TokenStream {
  /** Where it came from, for messages: a path, or what the caller said. */
  readonly source: string;
  /** Tokens in the stream. */
  readonly length: number;
  /**
   * Copies `target.length` tokens from `offset` on into `target`.
   *
   * @throws `RangeError` beyond the end.
   */
  read(offset: number, target: Int32Array): void;
  /** Lets go of files. Idempotent. */
  close(): void;
}

/** Tokens in memory. */
export class TokenArray implements TokenStream {
  readonly #tokens: Uint8Array | Uint16Array | Uint32Array;

  constructor(
    tokens: Uint8Array | Uint16Array | Uint32Array,
    readonly source: string,
  ) {
    this.#tokens = tokens;
  }

  get length(): number {
    return this.#tokens.length;
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    target.set(this.#tokens.subarray(offset, offset + target.length));
  }

  close(): void {}
}

/** A part of a stream, seen as a stream. */
export class TokenSlice implements TokenStream {
  readonly length: number;
  readonly #stream: TokenStream;
  readonly #start: number;

  /** Tokens `start` (included) to `end` (not included). Closing the slice leaves the stream open. */
  constructor(stream: TokenStream, start: number, end: number) {
    checkRange(stream, start, end - start);
    this.length = end - start;
    this.#stream = stream;
    this.#start = start;
  }

  get source(): string {
    return this.#stream.source;
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    this.#stream.read(this.#start + offset, target);
  }

  close(): void {}
}

export function checkRange(stream: TokenStream, offset: number, count: number): void {
  if (offset >= 0 && count >= 0 && offset + count <= stream.length) return;
  throw new RangeError(`Expected a range within ${stream.length} tokens, got ${count} from ${offset}`);
}
