import { closeSync } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { openFile, readFully, readFullyAsync } from '../files/read-file.js';
import type { DataFormat } from './data-files.js';
import { checkRange, TokenArray, type TokenStream } from './token-stream.js';

/** Files up to this size are read whole: no system call per window. */
const SMALL_FILE = 64 * 2 ** 20;

/** Bytes of a token in a file; the vocabulary's smallest type. */
export type TokenBytes = 1 | 2 | 4;

/** How tokens lie in a file. */
export interface TokenLayout {
  readonly bytesPerToken: TokenBytes;
  /** Bytes before the first token. Default: 0. */
  readonly header?: number;
  /** A byte of marks for each token follows the tokens. Default: false. */
  readonly marks?: boolean;
}

/** Headers of llm.c's .bin files, 256 int32 numbers that begin with these: magic number, version. The third is the number of tokens. */
const llmcHeaders: readonly { readonly magic: number; readonly version: number; readonly bytesPerToken: TokenBytes }[] =
  [
    { magic: 20240520, version: 1, bytesPerToken: 2 },
    { magic: 20240801, version: 7, bytesPerToken: 4 },
  ];
const LLMC_HEADER = 1024;

/** Opens a file of tokens in one of the formats that have them. */
export async function openTokens(path: string, format: DataFormat): Promise<TokenStream> {
  if (format !== 'llmc') return openTokenFile(path, { bytesPerToken: format === 'u32' ? 4 : 2 });
  const header = new Int32Array(LLMC_HEADER / 4);
  const { fd, size } = openFile(path, 'a file of tokens');
  try {
    readFully(fd, new Uint8Array(header.buffer), 0);
  } finally {
    closeSync(fd);
  }
  const [magic = 0, version = 0, count = 0] = header;
  const known = llmcHeaders.find((each) => each.magic === magic && each.version === version);
  if (known === undefined || size !== LLMC_HEADER + count * known.bytesPerToken) {
    const expected = 'a .bin file of llm.c (magic number 20240520, version 1; or 20240801, version 7)';
    const actual = known === undefined ? `${magic}, version ${version}` : `${size} bytes for ${count} tokens`;
    throw new MayflyError('ERR_DATA_FORMAT', `${path}: Expected ${expected}, got ${actual}`);
  }
  return openTokenFile(path, { bytesPerToken: known.bytesPerToken, header: LLMC_HEADER });
}

/**
 * Opens a file of raw tokens: little-endian, one, two or four bytes each.
 *
 * @param source The stream's, for messages. Default: the path.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_DATA_FORMAT` where the file is no whole number of tokens.
 */
export async function openTokenFile(
  path: string,
  { bytesPerToken, header = 0, marks = false }: TokenLayout,
  source = path,
): Promise<TokenStream> {
  const { fd, size } = openFile(path, 'a file of tokens');
  let isKept = false;
  try {
    const bytes = size - header;
    const bytesEach = bytesPerToken + (marks ? 1 : 0);
    if (bytes % bytesEach !== 0) {
      const kind = `uint${8 * bytesPerToken} tokens`;
      throw new MayflyError('ERR_DATA_FORMAT', `${path}: Expected a whole number of ${kind}, got ${bytes} bytes`);
    }
    const length = bytes / bytesEach;
    isKept = size > SMALL_FILE;
    if (isKept) return new TokenFile(source, fd, length, { bytesPerToken, header, marks });
    const tokens = tokenBuffer(length, bytesPerToken);
    await readFullyAsync(fd, new Uint8Array(tokens.buffer), header);
    if (!marks) return new TokenArray(tokens, source);
    const ownMarks = new Uint8Array(length);
    await readFullyAsync(fd, ownMarks, header + tokens.byteLength);
    return new TokenArray(tokens, source, ownMarks);
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
  #buffer: Uint8Array | Uint16Array | Uint32Array = new Uint8Array();
  readonly #layout: Required<TokenLayout>;
  readonly readMarks?: NonNullable<TokenStream['readMarks']>;

  constructor(
    readonly source: string,
    fd: number,
    readonly length: number,
    layout: Required<TokenLayout>,
  ) {
    this.#fd = fd;
    this.#layout = layout;
    if (!layout.marks) return;
    this.readMarks = (offset, target) => {
      checkRange(this, offset, target.length);
      this.#read(target, layout.header + length * layout.bytesPerToken + offset);
    };
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    const { bytesPerToken, header } = this.#layout;
    if (this.#buffer.length < target.length) this.#buffer = tokenBuffer(target.length, bytesPerToken);
    const bytes = target.length * bytesPerToken;
    this.#read(new Uint8Array(this.#buffer.buffer, 0, bytes), header + offset * bytesPerToken);
    target.set(this.#buffer.subarray(0, target.length));
  }

  #read(target: Uint8Array, position: number): void {
    if (this.#fd === undefined)
      throw new MayflyError('ERR_CLOSED', `Expected ${this.source} to be open, got a closed stream`);
    if (readFully(this.#fd, target, position) === target.length) return;
    throw new MayflyError(
      'ERR_FILE',
      `Expected ${this.source} to keep its ${this.length} tokens, got a file cut in use`,
    );
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
function tokenBuffer(
  length: number,
  bytesPerToken: TokenBytes,
): Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  if (bytesPerToken === 4) return new Uint32Array(length);
  return bytesPerToken === 1 ? new Uint8Array(length) : new Uint16Array(length);
}

/** Streams one after another as one. */
export class JoinedTokens implements TokenStream {
  readonly length: number;
  readonly #streams: readonly TokenStream[];
  readonly #starts: readonly number[];

  constructor(
    readonly source: string,
    streams: readonly TokenStream[],
  ) {
    let length = 0;
    this.#starts = streams.map((stream) => {
      const start = length;
      length += stream.length;
      return start;
    });
    this.#streams = streams;
    this.length = length;
  }

  read(offset: number, target: Int32Array): void {
    checkRange(this, offset, target.length);
    for (let done = 0, index = this.#at(offset); done < target.length; index++) {
      const stream = this.#streams[index]!;
      const from = offset + done - this.#starts[index]!;
      const count = Math.min(target.length - done, stream.length - from);
      if (count > 0) stream.read(from, target.subarray(done, done + count));
      done += count;
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The last stream that begins at or before an offset. */
  #at(offset: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}
