import { MayflyError } from '@mayfly/native';
import { ProgressReport } from '../files/progress.js';
import { type DataFormat, type DataRange, dataFiles, dataParts, isTokenData } from './data-files.js';
import { encodeOnThreads } from './encode-on-threads.js';
import { type EncodedPart, type EncodeOptions, encodePart, separatorBefore } from './encode-part.js';
import { tokenizerSource } from './open-tokenizer.js';
import { expectText, readBytes } from './text-files.js';
import { JoinedTokens, openTokenFile, openTokens } from './token-file.js';
import { openKept, storeTokens, tokensKey } from './token-store.js';
import { DOCUMENT_START, TokenArray, type TokenStream, UNCOUNTED } from './token-stream.js';
import type { Tokenizer } from './tokenizer.js';

/** Options of `openData`. */
export interface OpenDataOptions {
  /** Tokenizer of text; files of tokens need none. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Of files in folders, e.g. `['.d.ts']`. Default: any text file. */
  readonly extensions?: readonly string[] | undefined;
  /** Of all files. Default: by each one's name: `.jsonl`, `.parquet`, `.u16`, `.u32`, or text. */
  readonly format?: DataFormat | undefined;
  /** The field of rows that holds text or messages. Default: `messages`, `prompt` and `completion`, or `text`. */
  readonly column?: string | undefined;
  /** Only completions and the assistant's turns count as targets. Default: all tokens do. */
  readonly maskPrompt?: boolean | undefined;
  /** Mark the first token of each document, for document masks. Default: false. */
  readonly documents?: boolean | undefined;
  /** Keep the tokens of 1 MiB of text or more in the cache folder, and take them from there. Default: true. */
  readonly cache?: boolean | undefined;
  /** Ends the reading: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Text up to this size is encoded in less time than a thread takes to start, some 30 ms. */
const SMALL_TEXT = 2 ** 13;
/** Data from this size on become a file of tokens. */
const LARGE_TEXT = 2 ** 20;

/**
 * Opens training data: a file of tokens, a text file, rows as JSON Lines or Parquet, or a folder of these (docs/topics/data.md). More than 8 KiB
 * are encoded on threads, unless the tokenizer is one of your own; the progress is published on the channel `mayfly:progress` of
 * `node:diagnostics_channel`.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_DATA_FORMAT` for a file that is no text, a row without text, and data without a target
 * that counts; `ERR_CHAT_TEMPLATE`; `ERR_TOKENIZER` where text comes without a tokenizer.
 */
export async function openData(path: string, options: OpenDataOptions = {}): Promise<TokenStream> {
  const { tokenizer, extensions, format, column, maskPrompt = false, documents = false, signal } = options;
  signal?.throwIfAborted();
  const encoding: EncodeOptions = { column, maskPrompt, marks: maskPrompt || documents };
  const files = await dataFiles(path, { extensions, format, signal });
  if (isTokenData(path, format)) {
    if (encoding.marks) throw noDocuments(path);
    const [first, ...others] = files;
    if (others.length === 0) return await openTokens(first!.path, first!.format);
    return new JoinedTokens(path, await Promise.all(files.map((file) => openTokens(file.path, file.format))));
  }
  if (tokenizer === undefined) {
    throw new MayflyError('ERR_TOKENIZER', `${path}: Expected a tokenizer for text (\`bytes\` or a file), got none`);
  }
  const isPlain = tokenizer.name === 'bytes' && files.every((file) => file.format === 'text');
  if (tokenizer.name !== 'bytes') expectText(path, format);
  else if (isPlain && !encoding.marks && files[0]?.path === path)
    return await openTokenFile(path, { bytesPerToken: 1 });
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const progress = new ProgressReport({ task: 'tokenize', source: path, total });
  if (isPlain) {
    const bytes = await readBytes(files, { progress, signal });
    return new TokenArray(bytes, path, encoding.marks ? startsOf(files.map(({ size }) => size)) : undefined);
  }
  const source = total > SMALL_TEXT ? tokenizerSource(tokenizer) : undefined;
  const encode = async function* (): AsyncGenerator<EncodedPart> {
    const parts = await dataParts(files, signal);
    const encoded =
      source === undefined
        ? encodeHere(parts, tokenizer, encoding, { progress, signal })
        : encodeOnThreads(parts, { source, options: encoding }, { progress, signal });
    yield* joined(parts, encoded, tokenizer);
  };
  const isLarge = total >= LARGE_TEXT && source !== undefined;
  const key = isLarge && options.cache !== false ? await tokensKey(files, source, encoding) : null;
  const stream =
    (key === null ? null : await openKept(key, path)) ??
    (isLarge ? await storeTokens(encode, { key, source: path }) : await inMemory(encode(), path));
  if (maskPrompt) expectCounted(stream);
  return stream;
}

async function* encodeHere(
  parts: readonly (readonly DataRange[])[],
  tokenizer: Tokenizer,
  options: EncodeOptions,
  reading: Parameters<typeof encodePart>[3],
): AsyncGenerator<EncodedPart> {
  for (const part of parts) yield await encodePart(part, tokenizer, options, reading);
}

/** Puts the separator between parts. */
async function* joined(
  parts: readonly (readonly DataRange[])[],
  encoded: AsyncIterable<EncodedPart>,
  tokenizer: Tokenizer,
): AsyncGenerator<EncodedPart> {
  let index = 0;
  let isFirst = true;
  for await (const part of encoded) {
    const separator = separatorBefore(parts[index++]!, part, tokenizer);
    if (part.tokens.length === 0) continue;
    if (!isFirst && separator !== null) yield separator;
    isFirst = false;
    yield part;
  }
}

async function inMemory(parts: AsyncIterable<EncodedPart>, source: string): Promise<TokenStream> {
  const all: EncodedPart[] = [];
  for await (const part of parts) all.push(part);
  const [first] = all;
  if (first === undefined) return new TokenArray(new Uint16Array(), source);
  if (all.length === 1) return new TokenArray(first.tokens, source, first.marks ?? undefined);
  const length = all.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const tokens = first.tokens.BYTES_PER_ELEMENT === 2 ? new Uint16Array(length) : new Uint32Array(length);
  const marks = first.marks === null ? undefined : new Uint8Array(length);
  let done = 0;
  for (const part of all) {
    tokens.set(part.tokens, done);
    marks?.set(part.marks!, done);
    done += part.tokens.length;
  }
  return new TokenArray(tokens, source, marks);
}

/** Marks of files that are read as bytes: each is a document. */
function startsOf(sizes: readonly number[]): Uint8Array {
  const marks = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let start = 0;
  for (const size of sizes) {
    if (size > 0) marks[start]! |= DOCUMENT_START;
    start += size;
  }
  return marks;
}

const noDocuments = (path: string): MayflyError =>
  new MayflyError(
    'ERR_DATA_FORMAT',
    `${path}: Expected documents for masks of prompts or documents, got a file of tokens`,
  );

/** A mask that leaves nothing to learn is a mistake: rows of text count, those of prompts alone do not. */
function expectCounted(stream: TokenStream): void {
  const marks = new Uint8Array(Math.min(2 ** 20, stream.length));
  for (let start = 0; start < stream.length; start += marks.length) {
    const part = marks.subarray(0, Math.min(marks.length, stream.length - start));
    stream.readMarks?.(start, part);
    if (part.some((mark) => (mark & UNCOUNTED) === 0)) return;
  }
  const expected = 'completions or turns of an assistant for --mask-prompt';
  throw new MayflyError('ERR_DATA_FORMAT', `${stream.source}: Expected ${expected}, got none`);
}
