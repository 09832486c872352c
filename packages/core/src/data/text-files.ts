import { closeSync, readdirSync, readSync } from 'node:fs';
import { extname, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { fileFormat } from '../files/file-format.js';
import { isFolder } from '../files/folders.js';
import { openFile, readFully, withFile } from '../files/read-file.js';

/** A file with a NUL among this number of first bytes is not text (git's rule). */
const LOOK_BYTES = 8000;

/**
 * The path itself if it is a file; otherwise the text files below the folder, sorted by path. Hidden files, symbolic links and binary
 * files are left out.
 *
 * @param extensions Of files in folders, e.g. `['.md', '.d.ts']`. Default: any.
 * @throws `ERR_FILE_NOT_FOUND` where nothing is found.
 */
export function textFiles(path: string, extensions?: readonly string[]): string[] {
  try {
    if (!isFolder(path, 'text')) return [path];
    const files = filesBelow(path, '').filter(
      (file) => extensions?.some((extension) => file.endsWith(extension)) ?? true,
    );
    const texts = files.map((file) => join(path, file)).filter(isText);
    if (texts.length > 0) return texts;
  } catch (error) {
    throw fileError(`read text at ${path}`, error);
  }
  const kind = extensions === undefined ? 'text files' : `text files (${extensions.join(', ')})`;
  throw new MayflyError('ERR_FILE_NOT_FOUND', `Expected ${kind} in the folder ${path}, got none`);
}

/** Sorted by the code units of their paths, with `/` between names, whatever the locale and the system. */
function filesBelow(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(({ name }) => !name.startsWith('.'));
  return entries
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(root, path);
      return entry.isFile() ? [path] : [];
    })
    .sort((a, b) => (a < b ? -1 : 1));
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

const isText = (path: string): boolean => !firstBytes(path).includes(0);

function isUtf8(path: string): boolean {
  const start = firstBytes(path);
  try {
    // The last character may be incomplete.
    new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: true });
    return !start.includes(0);
  } catch {
    return false;
  }
}

function firstBytes(path: string): Buffer {
  return withFile(path, 'text', (fd) => {
    const start = Buffer.alloc(LOOK_BYTES);
    return start.subarray(0, readFully(fd, start, 0));
  });
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
  const { fd } = openFile(path, 'text');
  try {
    const utf8 = new TextDecoder('utf-8', { fatal: true });
    const chunk = Buffer.alloc(CHUNK_BYTES);
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
