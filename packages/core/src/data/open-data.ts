import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { expectText, textFiles } from './text-files.js';
import { isTokenFile, openTokenFile } from './token-file.js';
import { TokenArray, type TokenStream } from './token-stream.js';
import { tokenizeFiles } from './tokenize-files.js';
import type { Tokenizer } from './tokenizer.js';

/** Options of `openData`. */
export interface OpenDataOptions {
  /** Tokenizer of text; a `.u16` file needs none. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Of files in folders, e.g. `['.d.ts']`. Default: any text file. */
  readonly extensions?: readonly string[] | undefined;
}

/**
 * Opens training data: a `.u16` file of tokens, a text file, or a folder of text files.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `ERR_DATA_FORMAT` for a file that is no text; `ERR_TOKENIZER` where text comes without a
 * tokenizer.
 */
export function openData(path: string, { tokenizer, extensions }: OpenDataOptions = {}): TokenStream {
  if (isTokenFile(path)) return openTokenFile(path, 2);
  const files = textFiles(path, extensions);
  if (tokenizer === undefined) {
    throw new MayflyError('ERR_TOKENIZER', `${path}: Expected a tokenizer for text (\`bytes\` or a file), got none`);
  }
  const [file] = files;
  if (tokenizer.name !== 'bytes') expectText(path);
  else if (file === path) return openTokenFile(path, 1);
  try {
    return new TokenArray(tokenizeFiles(files, tokenizer), path);
  } catch (error) {
    throw fileError(`read text at ${path}`, error);
  }
}
