import { ByteTokenizer } from './byte-tokenizer.js';
import { readLlama2cTokenizer } from './read-llama2c-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/** @param source `bytes`, or a vocabulary file of llama2.c. Errors: as `readLlama2cTokenizer`. */
export function openTokenizer(source: string): Tokenizer {
  return source === 'bytes' ? new ByteTokenizer() : readLlama2cTokenizer(source);
}
