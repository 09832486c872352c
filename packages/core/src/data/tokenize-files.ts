import { readFileSync } from 'node:fs';
import { ByteTokenizer } from './byte-tokenizer.js';
import { documents } from './text-files.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * All files as one row of tokens. Byte-level: their bytes, one file after the other. Otherwise each document (a file, or the part
 * between two `<|endoftext|>` lines) is stripped and encoded with the tokens that the tokenizer puts around a text; if it puts none,
 * a separator is put between documents.
 */
export function tokenizeFiles(files: readonly string[], tokenizer: Tokenizer): Uint8Array | Uint16Array | Uint32Array {
  if (tokenizer instanceof ByteTokenizer) return Buffer.concat(files.map((file) => readFileSync(file)));
  const tokens = new TokenBuffer(tokenizer.vocab);
  let isFirst = true;
  for (const file of files) {
    for (const document of documents(file)) {
      if (!isFirst) tokens.append(tokenizer.separator ?? []);
      tokens.append(tokenizer.encode(document, { eos: true }));
      isFirst = false;
    }
  }
  return tokens.done();
}

/** Grows by doubling. */
class TokenBuffer {
  #tokens: Uint16Array | Uint32Array;
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
  done(): Uint16Array | Uint32Array {
    return this.#tokens.slice(0, this.#length);
  }
}
