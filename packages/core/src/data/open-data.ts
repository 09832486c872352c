import { MayflyError } from '@mayfly/native';
import { ProgressReport } from '../files/progress.js';
import { tokenizerSource } from './open-tokenizer.js';
import { expectText, readBytes, textFiles } from './text-files.js';
import { isTokenFile, openTokenFile } from './token-file.js';
import { TokenArray, type TokenStream } from './token-stream.js';
import { type Tokens, tokenizeFiles } from './tokenize-files.js';
import { tokenizeOnThread } from './tokenize-on-thread.js';
import type { Tokenizer } from './tokenizer.js';

/** Options of `openData`. */
export interface OpenDataOptions {
  /** Tokenizer of text; a `.u16` file needs none. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Of files in folders, e.g. `['.d.ts']`. Default: any text file. */
  readonly extensions?: readonly string[] | undefined;
  /** Ends the reading: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Text up to this size is encoded in less time than a thread takes to start, some 30 ms. */
const SMALL_TEXT = 2 ** 13;

/**
 * Opens training data: a `.u16` file of tokens, a text file, or a folder of text files. Text of more than 8 KiB is encoded on a thread,
 * unless the tokenizer is one of your own; the progress is published on the channel `mayfly:progress` of `node:diagnostics_channel`.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `ERR_DATA_FORMAT` for a file that is no text; `ERR_TOKENIZER` where text comes without a
 * tokenizer.
 */
export async function openData(
  path: string,
  { tokenizer, extensions, signal }: OpenDataOptions = {},
): Promise<TokenStream> {
  signal?.throwIfAborted();
  if (isTokenFile(path)) return await openTokenFile(path, 2);
  const files = await textFiles(path, { extensions, signal });
  if (tokenizer === undefined) {
    throw new MayflyError('ERR_TOKENIZER', `${path}: Expected a tokenizer for text (\`bytes\` or a file), got none`);
  }
  const isBytes = tokenizer.name === 'bytes';
  if (!isBytes) expectText(path);
  else if (files[0]?.path === path) return await openTokenFile(path, 1);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const progress = new ProgressReport({ task: 'tokenize', source: path, total });
  const source = total > SMALL_TEXT ? tokenizerSource(tokenizer) : undefined;
  let tokens: Tokens;
  if (isBytes) tokens = await readBytes(files, { progress, signal });
  else if (source === undefined) tokens = await tokenizeFiles(files, tokenizer, { progress, signal });
  else tokens = await tokenizeOnThread(files, source, { progress, signal });
  return new TokenArray(tokens, path);
}
