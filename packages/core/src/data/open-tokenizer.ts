import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { type FileFormat, fileFormat } from '../files/file-format.js';
import { isFolder } from '../files/folders.js';
import { ByteTokenizer } from './byte-tokenizer.js';
import { type DataFormat, isTokenData } from './data-files.js';
import { HuggingFaceTokenizer } from './hugging-face-tokenizer.js';
import { readLlama2cTokenizer } from './llama2c-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';
import { type TokenizerFiles, withFilesOf } from './tokenizer-files.js';

/**
 * @param source `bytes`, a vocabulary file of llama2.c, a `tokenizer.json`, or a folder with one; or files already read from these.
 * @throws As `readLlama2cTokenizer` and `HuggingFaceTokenizer`; `ERR_TOKENIZER` for a file that is known to be another.
 */
export function openTokenizer(source: string | TokenizerFiles): Tokenizer {
  const tokenizer = open(source);
  sources.set(tokenizer, source);
  return tokenizer;
}

const sources = new WeakMap<Tokenizer, string | TokenizerFiles>();

/** The argument of the `openTokenizer` that made a tokenizer: a thread makes the same from it. Undefined for one of the caller's own. */
export const tokenizerSource = (tokenizer: Tokenizer): string | TokenizerFiles | undefined => sources.get(tokenizer);

function open(source: string | TokenizerFiles): Tokenizer {
  if (typeof source === 'object') return withFilesOf(source, openTokenizer);
  if (source === 'bytes') return new ByteTokenizer();
  if (source.endsWith('.json')) return new HuggingFaceTokenizer(source);
  if (isFolder(source, 'a tokenizer')) {
    const inFolder = join(source, 'tokenizer.json');
    if (existsSync(inFolder)) return new HuggingFaceTokenizer(inFolder);
    const other = existsSync(join(source, 'tokenizer.model')) ? `tokenizer.model alone${SENTENCE_PIECE}` : 'none';
    throw unexpected('a tokenizer.json', source, other);
  }
  const format = fileFormat(source);
  if (format === 'a JSON file') return new HuggingFaceTokenizer(source);
  if (format === undefined) return readLlama2cTokenizer(source);
  throw unexpected(
    'a tokenizer (a tokenizer.json, or a vocabulary file of llama2.c)',
    source,
    format + (remedies[format] ?? ''),
  );
}

const SENTENCE_PIECE = ': convert it to a tokenizer.json, which transformers writes when it saves a fast tokenizer';

/** Advice for files of other formats. */
const remedies: Readonly<Partial<Record<FileFormat, string>>> = {
  'a SentencePiece model': SENTENCE_PIECE,
  'a safetensors file': ', which is a model',
};

const unexpected = (expected: string, path: string, actual: string): MayflyError =>
  new MayflyError('ERR_TOKENIZER', `Expected ${expected} at ${path}, got ${actual}`);

/**
 * The tokenizer of a run by the options that its checkpoint keeps, as `openTokenizer` takes it; undefined for a run of tokens.
 * A run of text whose checkpoint names no tokenizer read bytes: earlier versions stored no name for this.
 */
export function runTokenizer({
  tokenizer,
  data,
  dataFormat,
}: {
  readonly tokenizer?: unknown;
  readonly data?: unknown;
  readonly dataFormat?: DataFormat | undefined;
}): string | undefined {
  if (typeof tokenizer === 'string') return tokenizer;
  return typeof data === 'string' && !isTokenData(data, dataFormat) ? 'bytes' : undefined;
}
