import { fileError } from '../files/errors.js';
import { TimeSlices } from '../files/time-slices.js';
import { documents, type ReadOptions, type TextFile } from './text-files.js';
import type { Tokenizer } from './tokenizer.js';

/** Token ids in the smallest element type that holds the vocabulary. */
export type Tokens = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/**
 * All files as one row of tokens. Each document (a file, or the part between two `<|endoftext|>` lines) is stripped and encoded with the
 * tokens that the tokenizer puts around a text; if it puts none, a separator is put between documents.
 */
export async function tokenizeFiles(
  files: readonly TextFile[],
  tokenizer: Tokenizer,
  { progress, signal }: ReadOptions,
): Promise<Tokens> {
  const tokens = new TokenBuffer(tokenizer.vocab);
  const slices = new TimeSlices();
  let isFirst = true;
  for (const { path } of files) {
    try {
      for (const document of documents(path)) {
        if (!isFirst) tokens.append(tokenizer.separator ?? []);
        tokens.append(tokenizer.encode(document, { eos: true }));
        isFirst = false;
        progress.add(Buffer.byteLength(document));
        await slices.next();
        signal?.throwIfAborted();
      }
    } catch (error) {
      throw fileError(`read text at ${path}`, error);
    }
  }
  return tokens.done();
}

/** Grows by doubling. */
class TokenBuffer {
  #tokens: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  #length = 0;

  constructor(vocab: number) {
    this.#tokens = vocab <= 2 ** 16 ? new Uint16Array(2 ** 16) : new Uint32Array(2 ** 16);
  }

  append(ids: readonly number[]): void {
    const needed = this.#length + ids.length;
    if (needed > this.#tokens.length) {
      const larger = Math.max(needed, 2 * this.#tokens.length);
      const grown = this.#tokens instanceof Uint16Array ? new Uint16Array(larger) : new Uint32Array(larger);
      grown.set(this.#tokens);
      this.#tokens = grown;
    }
    this.#tokens.set(ids, this.#length);
    this.#length = needed;
  }

  /** The tokens, in memory of exactly their size. */
  done(): Tokens {
    return this.#tokens.slice(0, this.#length);
  }
}
