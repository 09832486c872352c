import { closeSync } from 'node:fs';
import { extname } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { fileFormat } from '../files/file-format.js';
import { isFolder } from '../files/folders.js';
import { openFile, readFullyAsync } from '../files/read-file.js';
import { type DataFile, type DataFormat, formatOf, look } from './data-files.js';
import type { ReadOptions } from './encode-part.js';

/** Extensions of files of tokens and arrays, whose first bytes may be anything. */
const binaryExtensions: ReadonlySet<string> = new Set(['.bin', '.npy', '.npz', '.u32']);

/**
 * Refuses a file that is not UTF-8 text. Folders are accepted: binary files in them are left out.
 *
 * @param given Its format, if the user names one.
 * @throws `ERR_DATA_FORMAT`, whose message gives the remedy; `ERR_FILE_NOT_FOUND`.
 */
export function expectText(path: string, given?: DataFormat): void {
  if (isFolder(path, 'text') || formatOf(path, given) !== 'text') return;
  const extension = extname(path).toLowerCase();
  const format = fileFormat(path);
  const kind = format === undefined || format === 'a JSON file' ? undefined : format;
  if (kind === undefined && !binaryExtensions.has(extension) && isUtf8(path)) return;
  const told = kind ?? (binaryExtensions.has(extension) ? `a ${extension} file` : 'bytes that are no UTF-8');
  const remedy =
    '--data-format u16 (or u32, llmc, jsonl, parquet) says what a file holds, and `bytes` as the tokenizer reads any file as bytes';
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

/** The bytes of files, one after the other. */
export async function readBytes(
  files: readonly DataFile[],
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
