import { createHash, webcrypto } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { ProgressReport } from '../files/progress.js';
import { checkBlock } from './check-tokens.js';
import type { TokenStream } from './token-stream.js';
import type { Tokenizer } from './tokenizer.js';

/** Size of the blocks that are hashed one by one. */
const BLOCK_BYTES = 2 ** 23;

/**
 * SHA-256 over the SHA-256 of each block of 8 MiB, in hexadecimal. A thread hashes a block while the caller reads the next one: the
 * caller's thread stays free, and the whole runs at the speed of the slower of the two.
 */
class BlockHash {
  readonly #whole = createHash('sha256');
  #block: Promise<ArrayBuffer> | null = null;

  /** @param block May be reused once the promise is settled. */
  async add(block: Uint8Array<ArrayBuffer>): Promise<void> {
    const hashing = webcrypto.subtle.digest('SHA-256', block);
    const before = this.#block;
    this.#block = hashing;
    if (before !== null) this.#whole.update(new Uint8Array(await before));
  }

  async hex(): Promise<string> {
    if (this.#block !== null) this.#whole.update(new Uint8Array(await this.#block));
    return this.#whole.digest('hex');
  }
}

/**
 * The content hash of a stream of tokens, which depends on the tokens and their marks alone, not on the file. It also checks every token, so that
 * training does not have to.
 *
 * @param seen For each id, set to 1 where the stream has it. Default: none.
 * @throws `ERR_TOKEN_RANGE` for an id that the vocabulary does not have.
 */
export async function hashTokens(
  stream: TokenStream,
  vocab: number,
  tokenizer?: Tokenizer,
  seen?: Uint8Array,
): Promise<string> {
  const hash = new BlockHash();
  const count = BLOCK_BYTES / 4;
  const progress = new ProgressReport({ task: 'hash', source: stream.source, total: 4 * stream.length });
  for (let start = 0; start < stream.length; start += count) {
    const block = new Int32Array(Math.min(count, stream.length - start));
    stream.read(start, block);
    checkBlock(stream.source, block, start, vocab, tokenizer);
    if (seen !== undefined) for (let index = 0; index < block.length; index++) seen[block[index]!] = 1;
    await hash.add(new Uint8Array(block.buffer));
    if (stream.readMarks !== undefined) {
      const marks = new Uint8Array(block.length);
      stream.readMarks(start, marks);
      await hash.add(marks);
    }
    progress.add(block.byteLength);
  }
  return await hash.hex();
}

/**
 * The content hash of files, of their names and of their order.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`.
 */
export async function hashFiles(paths: readonly string[]): Promise<string> {
  const whole = createHash('sha256');
  const sizes = await Promise.all(paths.map(sizeOf));
  for (const [index, path] of paths.entries()) {
    const hash = new BlockHash();
    const progress = new ProgressReport({ task: 'hash', source: path, total: sizes[index]! });
    try {
      for await (const block of createReadStream(path, { highWaterMark: BLOCK_BYTES })) {
        await hash.add(block as Uint8Array<ArrayBuffer>);
        progress.add((block as Uint8Array).length);
      }
    } catch (error) {
      throw fileError(`read ${path}`, error);
    }
    whole.update(JSON.stringify([basename(path), sizes[index], await hash.hex()]));
  }
  return whole.digest('hex');
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found.size;
  } catch (error) {
    throw fileError(`read ${path}`, error);
  }
  throw new MayflyError('ERR_FILE', `Cannot read ${path}: it is not a regular file`);
}
