import { closeSync, readdirSync, readSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { fileFormat } from '../files/file-format.js';
import { isFolder } from '../files/folders.js';
import { openFile, readFully, readFullyAsync, withFile } from '../files/read-file.js';
import { TimeSlices } from '../files/time-slices.js';

/** A file with a NUL among this number of first bytes is not text (git's rule). */
const LOOK_BYTES = 8000;

/** A file with text, and its size in bytes. */
export interface TextFile {
  readonly path: string;
  readonly size: number;
}

/** Options of `textFiles`. */
export interface TextFilesOptions {
  /** Of files in folders, e.g. `['.md', '.d.ts']`. Default: any. */
  readonly extensions?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The path itself if it is a file; otherwise the text files below the folder, sorted by path. Hidden files, symbolic links and binary
 * files are left out.
 *
 * @throws `ERR_FILE_NOT_FOUND` where nothing is found.
 */
export async function textFiles(path: string, { extensions, signal }: TextFilesOptions): Promise<TextFile[]> {
  const slices = new TimeSlices();
  const texts: TextFile[] = [];
  try {
    if (!isFolder(path, 'text')) return [{ path, size: statSync(path).size }];
    for await (const name of filesBelow(path, '', slices)) {
      if (!(extensions?.some((extension) => name.endsWith(extension)) ?? true)) continue;
      const file = join(path, name);
      const { start, size } = look(file);
      if (!start.includes(0)) texts.push({ path: file, size });
      await slices.next();
      signal?.throwIfAborted();
    }
  } catch (error) {
    throw fileError(`read text at ${path}`, error);
  }
  if (texts.length > 0) return texts;
  const kind = extensions === undefined ? 'text files' : `text files (${extensions.join(', ')})`;
  throw new MayflyError('ERR_FILE_NOT_FOUND', `Expected ${kind} in the folder ${path}, got none`);
}

/** Sorted by the code units of their paths, with `/` between names, whatever the locale and the system. */
async function* filesBelow(root: string, folder: string, slices: TimeSlices): AsyncGenerator<string> {
  // A folder sorts as its files do: with a `/` behind its name.
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isFile()))
    .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .sort((a, b) => (a < b ? -1 : 1));
  await slices.next();
  for (const path of entries) {
    if (path.endsWith('/')) yield* filesBelow(root, path, slices);
    else yield path;
  }
}

/** Extensions of files of tokens and arrays, whose first bytes may be anything. */
const binaryExtensions: ReadonlySet<string> = new Set(['.bin', '.npy', '.npz', '.u32']);

/**
 * Refuses a file that is not UTF-8 text. Folders are accepted: binary files in them are left out.
 *
 * @throws `ERR_DATA_FORMAT`, whose message gives the remedy; `ERR_FILE_NOT_FOUND`.
 */
export function expectText(path: string): void {
  if (isFolder(path, 'text')) return;
  const extension = extname(path).toLowerCase();
  const format = fileFormat(path);
  const kind = format === undefined || format === 'a JSON file' ? undefined : format;
  if (kind === undefined && !binaryExtensions.has(extension) && isUtf8(path)) return;
  const told = kind ?? (binaryExtensions.has(extension) ? `a ${extension} file` : 'bytes that are no UTF-8');
  const remedy =
    'name a file of little-endian uint16 tokens .u16, or ask for `bytes` as the tokenizer to read any file as bytes';
  throw new MayflyError('ERR_DATA_FORMAT', `${path}: Expected text, got ${told}: ${remedy}`);
}

function isUtf8(path: string): boolean {
  const { start } = look(path);
  try {
    // The last character may be incomplete.
    new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: true });
    return !start.includes(0);
  } catch {
    return false;
  }
}

/** The first bytes of a file, and its size. */
function look(path: string): { readonly start: Buffer; readonly size: number } {
  return withFile(path, 'text', (fd, size) => {
    const start = Buffer.alloc(Math.min(size, LOOK_BYTES));
    return { start: start.subarray(0, readFully(fd, start, 0)), size };
  });
}

/** Options of functions that read much. */
export interface ReadOptions {
  /** Receives the bytes that are done. */
  readonly progress: { add(bytes: number): void };
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of files, one after the other. */
export async function readBytes(
  files: readonly TextFile[],
  { progress, signal }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(files.reduce((sum, { size }) => sum + size, 0));
  let length = 0;
  for (const { path, size } of files) {
    const { fd } = openFile(path, 'text');
    try {
      const count = await readFullyAsync(fd, bytes.subarray(length, length + size), 0);
      length += count;
      progress.add(count);
    } catch (error) {
      throw fileError(`read text at ${path}`, error);
    } finally {
      closeSync(fd);
    }
    signal?.throwIfAborted();
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

/** The line that ends a document in a file of many (GPT-2's name for it; TinyStories is written so). */
const separator = /^<\|endoftext\|>/m;
const CHUNK_BYTES = 2 ** 22;

/**
 * The documents of a text file, trimmed, without empty ones. The file is read in chunks and may be larger than the longest string; a
 * document may not.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_DATA_FORMAT` for bytes that are no UTF-8 and for a document that is too long.
 */
export function* documents(path: string): Generator<string> {
  const { fd, size } = openFile(path, 'text');
  try {
    const utf8 = new TextDecoder('utf-8', { fatal: true });
    // One byte more than a small file has: the read after its last finds the end. Zeroing 4 MiB would take longer than reading it.
    const chunk = Buffer.allocUnsafe(Math.min(size + 1, CHUNK_BYTES));
    let document = '';
    let line = '';
    for (let bytes = readSync(fd, chunk); bytes > 0; bytes = readSync(fd, chunk)) {
      const text = line + utf8.decode(chunk.subarray(0, bytes), { stream: true });
      const lastLine = text.lastIndexOf('\n') + 1;
      // The last line may be half of a separator: keep it for the next chunk.
      line = text.slice(lastLine);
      const parts = text.slice(0, lastLine).split(separator);
      document += parts.shift() ?? '';
      for (const part of parts) {
        yield* trimmed(document);
        document = part;
      }
    }
    for (const part of (document + line + utf8.decode()).split(separator)) yield* trimmed(part);
  } catch (cause) {
    // The decoder's.
    if (cause instanceof TypeError) throw noText(path, 'bytes that are no UTF-8', cause);
    if (cause instanceof RangeError) throw noText(path, 'a document longer than a string can be', cause);
    throw cause;
  } finally {
    closeSync(fd);
  }
}

const noText = (path: string, actual: string, cause: unknown): MayflyError =>
  new MayflyError('ERR_DATA_FORMAT', `${path}: Expected text, got ${actual}`, { cause });

function* trimmed(text: string): Generator<string> {
  const document = text.trim();
  if (document !== '') yield document;
}
