import { closeSync, readSync } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { openFile } from '../files/with-file.js';

/** The line that ends a document in a file of many (GPT-2's name for it; TinyStories is written so). */
const separator = /^<\|endoftext\|>/m;
const CHUNK_BYTES = 2 ** 22;

/**
 * The documents of a text file, white space around them taken off, empty ones left out. Reads as it goes: the file may be
 * larger than a string can be, a document may not.
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
      // It may be half of a separator: it waits for its end.
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
