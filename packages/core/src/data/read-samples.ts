import { closeSync, readSync } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { openFile, withFile } from '../files/read-file.js';
import { type DataRange, notParquet, parquetFooter } from './data-files.js';
import { type RowOptions, type Sample, sampleOf } from './sample.js';

/** A document, and its share of its file's bytes. */
export interface ReadSample {
  readonly sample: Sample;
  readonly bytes: number;
  /** File and line, or file and row; absent for text. */
  readonly where?: () => string;
}

/**
 * The documents of a range, in the order of the file.
 *
 * @throws `ERR_DATA_FORMAT` for bytes that are no UTF-8, a document longer than a string can be, and a line or row that is none; names
 * the file and the line or row.
 */
export async function* readSamples(range: DataRange, options: RowOptions): AsyncGenerator<ReadSample> {
  if (range.format === 'parquet') yield* parquetRows(range, options);
  else if (range.format === 'jsonl') yield* jsonLines(range, options);
  else for (const document of documents(range)) yield { sample: { document }, bytes: Buffer.byteLength(document) };
}

/** The line that ends a document in a file of many (GPT-2's name for it; TinyStories is written so). */
const separator = /^<\|endoftext\|>/m;
const CHUNK_BYTES = 2 ** 22;
/** The byte of a line break. */
const BREAK = 10;

/** The documents of a text file, trimmed, without empty ones. The file may be larger than the longest string. */
function* documents(range: DataRange): Generator<string> {
  let document = '';
  let line = '';
  for (const decoded of chunks(range)) {
    const text = join(range, line, decoded);
    const lastLine = text.lastIndexOf('\n') + 1;
    // The last line may be half of a separator: keep it for the next chunk.
    line = text.slice(lastLine);
    const parts = text.slice(0, lastLine).split(separator);
    document = join(range, document, parts.shift() ?? '');
    for (const part of parts) {
      yield* trimmed(document);
      document = part;
    }
  }
  for (const part of join(range, document, line).split(separator)) yield* trimmed(part);
}

function* trimmed(text: string): Generator<string> {
  const document = text.trim();
  if (document !== '') yield document;
}

function* jsonLines(range: DataRange, options: RowOptions): Generator<ReadSample> {
  const { path } = range;
  let rest = '';
  let count = 0;
  let before: number | undefined;
  const where = () => {
    before ??= lineBreaks(path, range.begin);
    return `${path}: line ${before + count}`;
  };
  const read = (line: string): ReadSample[] => {
    count += 1;
    if (line.trim() === '') return [];
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch (cause) {
      throw new MayflyError('ERR_DATA_FORMAT', `${where()}: Expected JSON, got ${(cause as Error).message}`, { cause });
    }
    // Most rows are right, and do not need their place.
    return [{ sample: sampleOf(row, where, options), bytes: Buffer.byteLength(line), where }];
  };
  for (const decoded of chunks(range)) {
    const lines = join(range, rest, decoded).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield* read(line);
  }
  yield* read(rest);
}

async function* parquetRows({ path, begin, end, bytes }: DataRange, options: RowOptions): AsyncGenerator<ReadSample> {
  const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  try {
    const [file, metadata] = [await asyncBufferFromFile(path), await parquetFooter(path)];
    const names = metadata.schema.map(({ name }) => name);
    const wanted = options.column === undefined ? ['messages', 'prompt', 'completion', 'text'] : [options.column];
    const columns = wanted.filter((name) => names.includes(name));
    // Without any, the first row is the one whose error lists the fields that are there.
    const read = { file, metadata, compressors, ...(columns.length > 0 && { columns }) };
    const rows = await parquetReadObjects({ ...read, rowStart: begin, rowEnd: end });
    for (const [index, row] of rows.entries()) {
      const where = () => `${path}: row ${begin + index + 1}`;
      yield { sample: sampleOf(row, where, options), bytes: bytes / rows.length, where };
    }
  } catch (cause) {
    throw notParquet(path, cause);
  }
}

/** The text of a range of a file, piece by piece. */
function* chunks({ path, begin, end }: DataRange): Generator<string> {
  const { fd } = openFile(path, 'text');
  try {
    const utf8 = new TextDecoder('utf-8', { fatal: true });
    // Zeroing 4 MiB would take longer than reading it.
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(end - begin, CHUNK_BYTES)));
    for (let position = begin; position < end; ) {
      const count = readSync(fd, chunk, 0, Math.min(chunk.length, end - position), position);
      if (count === 0) break;
      position += count;
      yield utf8.decode(chunk.subarray(0, count), { stream: true });
    }
    yield utf8.decode();
  } catch (cause) {
    if (cause instanceof TypeError) throw noText(path, 'bytes that are no UTF-8', cause);
    throw cause;
  } finally {
    closeSync(fd);
  }
}

/** @throws `ERR_DATA_FORMAT` where the text is longer than V8 allows. */
function join({ path }: DataRange, before: string, after: string): string {
  try {
    return before + after;
  } catch (cause) {
    throw noText(path, 'a document longer than a string can be', cause);
  }
}

const noText = (path: string, actual: string, cause: unknown): MayflyError =>
  new MayflyError('ERR_DATA_FORMAT', `${path}: Expected text, got ${actual}`, { cause });

/** Line breaks before a position. */
function lineBreaks(path: string, end: number): number {
  return withFile(path, 'text', (fd) => {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let count = 0;
    for (let position = 0; position < end; position += chunk.length) {
      const read = readSync(fd, chunk, 0, Math.min(chunk.length, end - position), position);
      for (let index = chunk.subarray(0, read).indexOf(BREAK); index !== -1; ) {
        count += 1;
        index = chunk.subarray(0, read).indexOf(BREAK, index + 1);
      }
    }
    return count;
  });
}
