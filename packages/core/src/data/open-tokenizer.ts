import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ByteTokenizer } from './byte-tokenizer.js';
import { HuggingFaceTokenizer } from './hugging-face-tokenizer.js';
import { readLlama2cTokenizer } from './read-llama2c-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * @param source `bytes`, a vocabulary file of llama2.c, a `tokenizer.json`, or a folder with one. Errors: as
 * `readLlama2cTokenizer` and `HuggingFaceTokenizer`.
 */
export function openTokenizer(source: string): Tokenizer {
  if (source === 'bytes') return new ByteTokenizer();
  if (source.endsWith('.json')) return new HuggingFaceTokenizer(source);
  const inFolder = join(source, 'tokenizer.json');
  return existsSync(inFolder) ? new HuggingFaceTokenizer(inFolder) : readLlama2cTokenizer(source);
}
