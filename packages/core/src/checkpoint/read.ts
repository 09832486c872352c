import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { type RunFile, readRunFile } from '../run/run-file.js';
import { listCheckpoints } from './directory.js';
import {
  type CheckpointHead,
  type CheckpointHeader,
  damaged,
  decodeHead,
  digestBytes,
  headerLength,
  piecesOf,
  prefixBytes,
  type SectionRange,
  type Sections,
  sectionBytes,
  wrongDigest,
} from './format.js';

/** Bytes that are read and hashed at a time. */
const CHUNK_BYTES = 2 ** 22;

/** A checkpoint that was read. */
export interface Checkpoint {
  /** The file: in a directory, the latest undamaged one. */
  readonly path: string;
  /** Version of the file format, from 1. */
  readonly version: number;
  readonly header: CheckpointHeader;
  /** Bytes of each section. */
  readonly sections: Readonly<Record<string, number>>;
  /** Why later checkpoints of the directory could not be read. */
  readonly warnings: readonly string[];
}

/**
 * Reads only the header of a checkpoint, and checks it against its digest and the length of the file. The sections are not checked.
 *
 * @param source A file, or a directory: the latest checkpoint of the run that it belongs to.
 * @throws `ERR_FILE_NOT_FOUND`; `ERR_CHECKPOINT` for a file that is cut, damaged or of another kind.
 */
export function readCheckpointHeader(source: string): Promise<Checkpoint> {
  return readLatest(source, async () => {});
}

/** Takes a section piece by piece, in the order of the file. */
export interface SectionSink {
  /** Size of the section. */
  readonly bytes: number;
  /** Takes the piece that begins `position` bytes into the section. It may change the bytes, whose memory the next call uses again. */
  readonly write: (bytes: Uint8Array, position: number) => void | Promise<void>;
}

/** Where sections are read to, by their names. */
export type SectionTargets = Readonly<Record<string, Sections[string] | SectionSink>>;

const isSink = (target: SectionTargets[string]): target is SectionSink => 'write' in target;

/**
 * Reads sections of a checkpoint directly into memory, and checks the whole file.
 *
 * @param source A file, or a directory: the latest checkpoint that is whole, of the run that it belongs to.
 * @param targets A view of exactly its size, or a sink, for each section to read. Other sections are checked only. After an error the
 * contents of the views are undefined; a sink gets those of an earlier checkpoint from the beginning.
 * @throws As `readCheckpointHeader`; `ERR_CHECKPOINT_MISMATCH` where a target has no section of its size; the signal's reason.
 */
export function readCheckpoint(
  source: string,
  targets: SectionTargets,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Checkpoint> {
  return readLatest(
    source,
    async (file, head, path) => {
      expectSections(head.ranges, targets, path);
      await readSections(file, head, targets, path, signal);
    },
    signal,
  );
}

/** Limit for sections that are read into new memory. */
const LARGEST_PART = 2 ** 28;

/** Reads one section of a checkpoint without checking it. */
export type ReadSection = (name: string) => Promise<Buffer>;

/**
 * Reads the header and small sections of a checkpoint, without checking the whole file.
 *
 * @param source As for `readCheckpoint`. Where `read` throws `ERR_CHECKPOINT`, an earlier checkpoint of the directory is taken.
 * @param read Called with a header that was checked; has to check the sections itself.
 * @throws As `readCheckpointHeader`.
 */
export async function readCheckpointParts<Parts>(
  source: string,
  read: (found: Omit<Checkpoint, 'warnings'>, section: ReadSection) => Promise<Parts>,
): Promise<{ readonly checkpoint: Checkpoint; readonly parts: Parts }> {
  let parts: Parts | undefined;
  const checkpoint = await readLatest(source, async (file, head, path) => {
    parts = await read(described(head, path), async (name) => {
      const { offset, bytes } = head.ranges.find((range) => range.name === name)!;
      if (bytes > LARGEST_PART) throw damaged(path, `at most ${LARGEST_PART} bytes of ${name}`, String(bytes));
      const target = Buffer.alloc(bytes);
      await readFully(file, target, offset, path);
      return target;
    });
  });
  return { checkpoint, parts: parts as Parts };
}

type ReadBody = (file: FileHandle, head: CheckpointHead, path: string) => Promise<void>;

/** The run that a checkpoint's header names; null if the header cannot be read. */
export async function runOf(path: string): Promise<string | undefined | null> {
  try {
    const { header } = await readFile(path, async () => {});
    return typeof header.run === 'string' ? header.run : undefined;
  } catch (error) {
    if (error instanceof MayflyError) return null;
    throw error;
  }
}

async function readLatest(source: string, readBody: ReadBody, signal?: AbortSignal): Promise<Checkpoint> {
  const { paths, isDirectory } = await candidates(source);
  const run = isDirectory ? await readRunFile(source) : null;
  const warnings: string[] = [];
  for (const path of paths) {
    try {
      if (run !== null && !isCheckpointOf(run, await runOf(path))) continue;
      return { ...(await readFile(path, readBody)), warnings };
    } catch (error) {
      const isDamage = error instanceof MayflyError && error.code !== 'ERR_CHECKPOINT_MISMATCH';
      if (!isDirectory || !isDamage || signal?.aborted) throw error;
      warnings.push(error.message);
    }
  }
  if (warnings.length === 0) {
    const whose = run === null ? '' : ` of the run ${run.run}`;
    throw new MayflyError('ERR_FILE_NOT_FOUND', `Expected a checkpoint (step-*.mayfly)${whose} in ${source}, got none`);
  }
  throw new MayflyError('ERR_CHECKPOINT', `Expected a whole checkpoint in ${source}, got:\n  ${warnings.join('\n  ')}`);
}

/**
 * Whether a checkpoint belongs to a run.
 *
 * @param found The result of `runOf`. A checkpoint that cannot be read counts as the run's own, so that its damage is reported.
 */
export const isCheckpointOf = (
  { run, adopted }: Pick<RunFile, 'run' | 'adopted'>,
  found: string | undefined | null,
): boolean => found === run || found === null || (found === undefined && adopted);

async function candidates(source: string): Promise<{ paths: string[]; isDirectory: boolean }> {
  try {
    const isDirectory = (await stat(source)).isDirectory();
    return { paths: isDirectory ? (await listCheckpoints(source)).map(({ path }) => path) : [source], isDirectory };
  } catch (error) {
    throw fileError(`read a checkpoint at ${source}`, error);
  }
}

async function readFile(path: string, readBody: ReadBody): Promise<Omit<Checkpoint, 'warnings'>> {
  let file: FileHandle | undefined;
  try {
    // With O_NONBLOCK, opening a pipe does not wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw damaged(path, 'a file', 'something else');
    const head = await readHead(file, path);
    await readBody(file, head, path);
    return described(head, path);
  } catch (error) {
    throw fileError(`read a checkpoint at ${path}`, error);
  } finally {
    await file?.close();
  }
}

function described({ version, header, ranges }: CheckpointHead, path: string): Omit<Checkpoint, 'warnings'> {
  return { path, version, header, sections: Object.fromEntries(ranges.map(({ name, bytes }) => [name, bytes])) };
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

function expectSections(ranges: readonly SectionRange[], targets: SectionTargets, path: string): void {
  for (const [name, target] of Object.entries(targets)) {
    const byteLength = isSink(target) ? target.bytes : sectionBytes(target);
    const bytes = ranges.find((range) => range.name === name)?.bytes;
    if (bytes === byteLength) continue;
    throw new MayflyError(
      'ERR_CHECKPOINT_MISMATCH',
      `${path}: Expected ${byteLength} bytes of ${name}, got ${bytes ?? 'no such section'}: is it a checkpoint of another model?`,
    );
  }
}

/** Reads from the file's first byte to its last digest, hashing each chunk while the next one is read. */
async function readSections(
  file: FileHandle,
  head: CheckpointHead,
  targets: SectionTargets,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha256');
  let position = 0;
  let previous: Uint8Array = new Uint8Array();
  for (const { bytes, deliver } of chunks(head, targets)) {
    signal?.throwIfAborted();
    const reading = readFully(file, bytes, position, path);
    hash.update(previous);
    await reading;
    previous = bytes;
    position += bytes.length;
    if (deliver === undefined) continue;
    // A sink may change the bytes.
    hash.update(bytes);
    previous = new Uint8Array();
    await deliver();
  }
  const computed = hash.update(previous).digest();
  const stored = Buffer.alloc(digestBytes);
  await readFully(file, stored, head.digestOffset, path);
  if (!stored.equals(computed)) throw wrongDigest(path, 'contents', stored, computed);
}

/** Some bytes of the file that were read, and where they go from there. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly deliver?: () => void | Promise<void>;
}

/** Where each chunk of the file goes, in order: into a target, or into scratch memory. */
function* chunks(head: CheckpointHead, targets: SectionTargets): Generator<Chunk> {
  // Two, since one is hashed while the other is filled.
  const scratch = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;
  let turn = 0;
  function* skip(bytes: number, sink?: SectionSink): Generator<Chunk> {
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      const chunk = scratch[turn++ % 2]!.subarray(0, bytes - done);
      yield { bytes: chunk, ...(sink && { deliver: () => sink.write(chunk, done) }) };
    }
  }
  let position = 0;
  for (const { name, offset, bytes } of head.ranges) {
    yield* skip(offset - position);
    const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
    if (target === undefined || isSink(target)) yield* skip(bytes, target);
    for (const piece of target === undefined || isSink(target) ? [] : piecesOf(target)) {
      for (let start = 0; start < piece.length; start += CHUNK_BYTES)
        yield { bytes: piece.subarray(start, start + CHUNK_BYTES) };
    }
    position = offset + bytes;
  }
  yield* skip(head.digestOffset - position);
}

async function readFully(file: FileHandle, target: Uint8Array, position: number, path: string): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw damaged(path, `at least ${position + target.length} bytes`, `${position + done}: cut`);
    done += bytesRead;
  }
}
