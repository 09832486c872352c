import { createHash, randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isMayflyError } from '@mayfly/native';
import { writeAtomically } from '../files/atomic-file.js';
import { fileError } from '../files/errors.js';
import { cacheFolder, makeFolder } from '../files/folders.js';
import { readFully, withFile } from '../files/read-file.js';
import { hashFiles } from './content-hash.js';
import type { DataFile } from './data-files.js';
import type { EncodedPart, EncodeOptions } from './encode-part.js';
import { openTokenFile, type TokenBytes } from './token-file.js';
import type { TokenStream } from './token-stream.js';
import { hashTokenizer, readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';

/** Changes with how text becomes tokens: files of another version are not read. */
const VERSION = 1;
const MAGIC = 'MAYFLYTK';
/** Magic, uint32 version, uint32 bytes a token, uint32 1 where marks follow, uint32 0, uint64 tokens. */
const HEADER = 32;

/** `mayfly/tokens` in the cache folder: data that were encoded before. */
export const tokensFolder = (): string => join(cacheFolder(), 'tokens');

/** Identifies the tokens of data: by the content of the files and of the tokenizer, and by how they are encoded. */
export async function tokensKey(
  files: readonly DataFile[],
  source: string | TokenizerFiles,
  options: EncodeOptions,
): Promise<string> {
  const tokenizer = hashTokenizer(typeof source === 'string' ? readTokenizerFiles(source) : source);
  const content = await hashFiles(files.map(({ path }) => path));
  const formats = files.map(({ format }) => format);
  const { column = null, maskPrompt, marks } = options;
  return createHash('sha256')
    .update(JSON.stringify([VERSION, tokenizer, content, formats, column, maskPrompt, marks]))
    .digest('hex');
}

/** The tokens kept under a key; null where there are none, or the file is damaged. */
export async function openKept(key: string, source: string): Promise<TokenStream | null> {
  const path = join(tokensFolder(), key);
  if (!existsSync(path)) return null;
  try {
    return await openStored(path, source);
  } catch (error) {
    process.emitWarning(`${path} is not used: ${(error as Error).message}`);
    rmSync(path, { force: true });
    return null;
  }
}

/**
 * Writes parts to a file of tokens and opens it: kept in the cache folder under its key, or, without a key or where the cache folder
 * takes no file, a temporary one that has no name from then on.
 */
export async function storeTokens(
  parts: () => AsyncIterable<EncodedPart>,
  { key, source }: { readonly key: string | null; readonly source: string },
): Promise<TokenStream> {
  if (key !== null) {
    try {
      makeFolder(tokensFolder());
      await writeTokens(join(tokensFolder(), key), parts());
      return await openStored(join(tokensFolder(), key), source);
    } catch (error) {
      const cause = fileError('keep tokens', error);
      if (!isMayflyError(cause) || !isOwn(cause.message)) throw error;
      process.emitWarning(`the tokens of ${source} are not kept: ${cause.message}`);
    }
  }
  const path = join(tmpdir(), `mayfly-tokens-${process.pid}-${randomUUID()}`);
  try {
    await writeTokens(path, parts());
    return await openStored(path, source);
  } catch (error) {
    throw fileError(`write the tokens of ${source} to ${basename(path)} in ${tmpdir()}`, error);
  } finally {
    await rm(path, { force: true });
  }
}

/** Errors of reading the data name them; those of the cache folder were named here. */
const isOwn = (message: string): boolean =>
  message.startsWith('Cannot keep tokens') || message.startsWith('Cannot make the folder');

async function writeTokens(path: string, parts: AsyncIterable<EncodedPart>): Promise<void> {
  await writeAtomically(path, async (file) => {
    let position = HEADER;
    let count = 0;
    let bytesPerToken: TokenBytes = 2;
    // Marks follow the tokens, whose number is known at the end.
    const marksPath = `${path}.${process.pid}-${randomUUID()}.marks`;
    let hasMarks = false;
    const marksFile = await open(marksPath, 'wx+');
    try {
      for await (const { tokens, marks } of parts) {
        const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
        await writeFully(file, bytes, position);
        position += bytes.length;
        bytesPerToken = tokens.BYTES_PER_ELEMENT as TokenBytes;
        if (marks !== null) {
          hasMarks = true;
          await writeFully(marksFile, marks, count);
        }
        count += tokens.length;
      }
      const chunk = Buffer.allocUnsafe(2 ** 22);
      for (let done = 0; hasMarks && done < count; ) {
        const { bytesRead } = await marksFile.read(chunk, 0, Math.min(chunk.length, count - done), done);
        await writeFully(file, chunk.subarray(0, bytesRead), position + done);
        done += bytesRead;
      }
    } finally {
      await marksFile.close();
      await rm(marksPath, { force: true });
    }
    const header = Buffer.alloc(HEADER);
    header.write(MAGIC, 'latin1');
    header.writeUInt32LE(VERSION, 8);
    header.writeUInt32LE(bytesPerToken, 12);
    header.writeUInt32LE(hasMarks ? 1 : 0, 16);
    header.writeBigUInt64LE(BigInt(count), 24);
    await writeFully(file, header, 0);
  });
}

async function writeFully(
  file: {
    write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  },
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function openStored(path: string, source: string): Promise<TokenStream> {
  const { bytesPerToken, marks } = withFile(path, 'a file of tokens', (fd, size) => {
    const header = Buffer.alloc(HEADER);
    readFully(fd, header, 0);
    const [bytesPerToken, marks] = [header.readUInt32LE(12) as TokenBytes, header.readUInt32LE(16) === 1];
    const expected = HEADER + Number(header.readBigUInt64LE(24)) * (bytesPerToken + (marks ? 1 : 0));
    const isRight = header.toString('latin1', 0, 8) === MAGIC && header.readUInt32LE(8) === VERSION;
    if (!isRight || size !== expected) throw new Error('it is damaged');
    return { bytesPerToken, marks };
  });
  return openTokenFile(path, { bytesPerToken, header: HEADER, marks }, source);
}
