import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import type { FileMetaData } from 'hyparquet';
import { fileError } from '../files/errors.js';
import { isFolder } from '../files/folders.js';
import { readFully, withFile } from '../files/read-file.js';
import { TimeSlices } from '../files/time-slices.js';

/** How a file holds its data: documents as text or in rows, or tokens. */
export type DataFormat = 'text' | 'jsonl' | 'parquet' | 'u16' | 'u32' | 'llmc';

export const dataFormats: readonly DataFormat[] = ['text', 'jsonl', 'parquet', 'u16', 'u32', 'llmc'];

const byExtension: Readonly<Record<string, DataFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.parquet': 'parquet',
  '.u16': 'u16',
  '.u32': 'u32',
};

/** The format of a file that its name tells, unless another is given. */
export const formatOf = (path: string, given?: DataFormat): DataFormat =>
  given ?? byExtension[extname(path).toLowerCase()] ?? 'text';

const holdsTokens = (format: DataFormat): boolean => format === 'u16' || format === 'u32' || format === 'llmc';

/** Extensions of files of tokens where their format is given. */
const tokenExtensions: ReadonlySet<string> = new Set(['.u16', '.u32', '.bin']);

/** A file with data, and its size in bytes. */
export interface DataFile {
  readonly path: string;
  readonly size: number;
  readonly format: DataFormat;
}

/** Whether data are tokens, so that no tokenizer is needed: a file of tokens, or a folder whose files have names of such files. */
export function isTokenData(path: string, format?: DataFormat): boolean {
  if (format !== undefined) return holdsTokens(format);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return holdsTokens(formatOf(path));
  const names = readdirSync(path).filter((name) => !name.startsWith('.'));
  return names.length > 0 && names.every((name) => holdsTokens(formatOf(name)));
}

/** Options of `dataFiles`. */
export interface DataFilesOptions {
  /** Of files in folders, e.g. `['.md', '.d.ts']`. Default: any. */
  readonly extensions?: readonly string[] | undefined;
  /** Of all files. Default: by each one's name. */
  readonly format?: DataFormat | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A file with a NUL among this number of first bytes is not text (git's rule). */
const LOOK_BYTES = 8000;

/**
 * The path itself if it is a file; otherwise the files with data below the folder, sorted by path. Hidden files, symbolic links and
 * other binary files are left out.
 *
 * @throws `ERR_FILE_NOT_FOUND` where nothing is found.
 */
export async function dataFiles(path: string, { extensions, format, signal }: DataFilesOptions): Promise<DataFile[]> {
  const slices = new TimeSlices();
  const found: DataFile[] = [];
  try {
    if (!isFolder(path, 'text')) return [{ path, size: statSync(path).size, format: formatOf(path, format) }];
    const tokensOnly = isTokenData(path, format);
    for await (const name of filesBelow(path, '', slices)) {
      if (!(extensions?.some((extension) => name.endsWith(extension)) ?? true)) continue;
      const file = { path: join(path, name), format: formatOf(name, format) };
      const extension = extname(name).toLowerCase();
      if (tokensOnly) {
        if (format === undefined || tokenExtensions.has(extension)) found.push({ ...file, size: look(file.path).size });
      } else if (file.format === 'parquet') {
        if (format === undefined || extension === '.parquet') found.push({ ...file, size: look(file.path).size });
      } else {
        const { start, size } = look(file.path);
        if (!holdsTokens(file.format) && !start.includes(0)) found.push({ ...file, size });
      }
      await slices.next();
      signal?.throwIfAborted();
    }
  } catch (error) {
    throw fileError(`read text at ${path}`, error);
  }
  if (found.length > 0) return found;
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

/** The first bytes of a file, and its size. */
export function look(path: string): { readonly start: Buffer; readonly size: number } {
  return withFile(path, 'text', (fd, size) => {
    const start = Buffer.alloc(Math.min(size, LOOK_BYTES));
    return { start: start.subarray(0, readFully(fd, start, 0)), size };
  });
}

/** Documents of a file that begin in a range: of its bytes, or of its rows where it is Parquet. */
export interface DataRange {
  readonly path: string;
  readonly format: DataFormat;
  readonly begin: number;
  readonly end: number;
  /** Bytes of the file that the range stands for, for displays. */
  readonly bytes: number;
}

/** Data are encoded in parts of about this size. */
const PART_BYTES = 2 ** 22;
const CHUNK_BYTES = 2 ** 20;

/** Cuts files between documents into parts that are encoded one by one, each of some ranges. */
export async function dataParts(files: readonly DataFile[], signal?: AbortSignal): Promise<DataRange[][]> {
  const slices = new TimeSlices();
  const parts: DataRange[][] = [];
  let bytes = 0;
  for (const file of files) {
    try {
      for await (const range of file.format === 'parquet' ? rowRanges(file) : byteRanges(file)) {
        if (parts.length === 0 || bytes + range.bytes > PART_BYTES) {
          parts.push([]);
          bytes = 0;
        }
        parts.at(-1)!.push(range);
        bytes += range.bytes;
        await slices.next();
        signal?.throwIfAborted();
      }
    } catch (error) {
      throw fileError(`read data at ${file.path}`, error);
    }
  }
  return parts;
}

/** Cuts at the first border between documents after each multiple of the parts' size. */
function* byteRanges({ path, size, format }: DataFile): Generator<DataRange> {
  const range = (begin: number, end: number): DataRange => ({ path, format, begin, end, bytes: end - begin });
  if (size <= PART_BYTES) {
    yield range(0, size);
    return;
  }
  // A document begins behind a line break, in text only before the name of the separator.
  const border = Buffer.from(format === 'text' ? '\n<|endoftext|>' : '\n');
  for (let begin = 0; begin < size; ) {
    const end = nextBorder(path, begin + PART_BYTES, size, border);
    yield range(begin, end);
    begin = end;
  }
}

function nextBorder(path: string, from: number, size: number, border: Buffer): number {
  return withFile(path, 'data', (fd) => {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = from; position < size; position += CHUNK_BYTES - border.length + 1) {
      const count = readFully(fd, chunk.subarray(0, Math.min(CHUNK_BYTES, size - position)), position);
      const found = chunk.subarray(0, count).indexOf(border);
      if (found !== -1) return position + found + 1;
    }
    return size;
  });
}

async function* rowRanges({ path, size, format }: DataFile): AsyncGenerator<DataRange> {
  const { row_groups: groups } = await parquetFooter(path);
  const rows = groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  let begin = 0;
  for (const { num_rows: count } of groups) {
    if (Number(count) === 0) continue;
    const end = begin + Number(count);
    yield { path, format, begin, end, bytes: Math.round((size * Number(count)) / rows) };
    begin = end;
  }
}

/** @throws `ERR_DATA_FORMAT` for a file that is no Parquet file. */
export async function parquetFooter(path: string): Promise<FileMetaData> {
  look(path);
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
  try {
    return await parquetMetadataAsync(await asyncBufferFromFile(path));
  } catch (cause) {
    throw notParquet(path, cause);
  }
}

/** The library throws bare errors. Those of the file system remain. */
export function notParquet(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || 'syscall' in cause || cause instanceof MayflyError) return cause;
  return new MayflyError(
    'ERR_DATA_FORMAT',
    `${path}: Expected a Parquet file, got one refused with: ${cause.message}`,
    {
      cause,
    },
  );
}
