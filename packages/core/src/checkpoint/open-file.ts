import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from '../files/errors.js';
import { type CheckpointHead, damaged, decodeHead, digestBytes, headerLength, prefixBytes } from './format.js';

/** Bytes that are read and hashed at a time. */
export const CHUNK_BYTES = 2 ** 22;

/** A file of a checkpoint that is open, with its head. */
export interface OpenFile {
  readonly file: FileHandle;
  readonly head: CheckpointHead;
  readonly path: string;
}

/** Opens a file of a checkpoint, whose head and length are checked, and closes it afterwards. */
export async function openFile<Result>(path: string, read: (opened: OpenFile) => Promise<Result>): Promise<Result> {
  let file: FileHandle | undefined;
  try {
    // With O_NONBLOCK, opening a pipe does not wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw damaged(path, 'a file', 'something else');
    return await read({ file, head: await readHead(file, path), path });
  } catch (error) {
    throw fileError(`read a checkpoint at ${path}`, error);
  } finally {
    await file?.close();
  }
}

async function readHead(file: FileHandle, path: string): Promise<CheckpointHead> {
  const { size } = await file.stat();
  const prefix = Buffer.alloc(prefixBytes);
  await readFully(file, prefix, 0, path);
  const length = headerLength(prefix, path);
  if (prefixBytes + length > size) throw damaged(path, `at least ${prefixBytes + length} bytes`, `${size}: cut`);
  const rest = Buffer.alloc(length);
  await readFully(file, rest, prefixBytes, path);
  const head = decodeHead(prefix, rest, path);
  const expected = head.digestOffset + digestBytes;
  if (size !== expected) throw damaged(path, `${expected} bytes`, `${size}: ${size < expected ? 'cut' : 'too long'}`);
  return head;
}

/** Fills all of `target`. */
export async function readFully(file: FileHandle, target: Uint8Array, position: number, path: string): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw damaged(path, `at least ${position + target.length} bytes`, `${position + done}: cut`);
    done += bytesRead;
  }
}
