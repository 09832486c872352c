import { closeSync } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { openFile, readFully, readFullyAsync } from '../files/read-file.js';
import { checkRange, TokenArray, type TokenStream } from './token-stream.js';

/** Files up to this size are read whole: no system call per window. */
const SMALL_FILE = 64 * 2 ** 20;

/** Whether a path has the extension of token files. */
export const isTokenFile = (path: string): boolean => path.endsWith('.u16');

/**
 * Opens a file of raw tokens: little-endian uint16 (`.u16`), or one byte each.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_DATA_FORMAT` where the file is no whole number of tokens.
 */
export async function openTokenFile(path: string, bytesPerToken: 1 | 2): Promise<TokenStream> {
  const { fd, size } = openFile(path, 'a file of tokens');
  let isKept = false;
  try {
    if (size % bytesPerToken !== 0) {
      throw new MayflyError('ERR_DATA_FORMAT', `${path}: Expected a whole number of uint16 tokens, got ${size} bytes`);
    }
    const length = size / bytesPerToken;
    isKept = size > SMALL_FILE;
    if (isKept) return new TokenFile(path, fd, length, bytesPerToken);
    const tokens = tokenBuffer(length, bytesPerToken);
    await readFullyAsync(fd, new Uint8Array(tokens.buffer), 0);
    return new TokenArray(tokens, path);
  } catch (error) {
    throw fileError(`read a file of tokens at ${path}`, error);
  } finally {
    if (!isKept) closeSync(fd);
  }
}

/**
 * Tokens read from a file as they are needed. A mapping would save the copy, but no maintained npm package makes one, and
 * against a training step the copy of a few kilobytes out of the page cache is nothing.
 */
class TokenFile implements TokenStream {
  #fd: number | undefined;
  #buffer: Uint8Array | Uint16Array = new Uint8Array();

  constructor(
    readonly source: string,
    fd: number,
    readonly length: number,
    readonly bytesPerToken: 1 | 2,
  ) {
    this.#fd = fd;
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    if (this.#fd === undefined)
      throw new MayflyError('ERR_CLOSED', `Expected ${this.source} to be open, got a closed stream`);
    if (this.#buffer.length < target.length) this.#buffer = tokenBuffer(target.length, this.bytesPerToken);
    const bytes = target.length * this.bytesPerToken;
    const done = readFully(this.#fd, new Uint8Array(this.#buffer.buffer, 0, bytes), offset * this.bytesPerToken);
    if (done < bytes) {
      throw new MayflyError(
        'ERR_FILE',
        `Expected ${this.source} to keep its ${this.length} tokens, got a file cut in use`,
      );
    }
    target.set(this.#buffer.subarray(0, target.length));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Typed arrays are little-endian on every machine that Mayfly supports, as the files are. */
function tokenBuffer(length: number, bytesPerToken: 1 | 2): Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  return bytesPerToken === 1 ? new Uint8Array(length) : new Uint16Array(length);
}
