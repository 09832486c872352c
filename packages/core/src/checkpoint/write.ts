import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { invalidArgument } from '@mayfly/native';
import { type PreparedFile, prepareFile, syncFolder } from '../files/atomic-file.js';
import { fileError } from '../files/errors.js';
import { makeFolder } from '../files/folders.js';
import { checkpointPath, listCheckpoints, partPath, sweepTemporaries } from './directory.js';
import {
  type CheckpointFields,
  type CheckpointHeader,
  encodeHead,
  type OtherFiles,
  type PartPlace,
  type PartTable,
  piecesOf,
  type WrittenSections,
} from './format.js';
import { removeCheckpoint, sweepParts } from './parts.js';
import { runOf } from './read.js';

/** Written and hashed at a time: a few milliseconds each, so the event loop stays responsive. */
const CHUNK_BYTES = 2 ** 22;

/** Options of `writeCheckpoint`. */
export interface WriteCheckpointOptions {
  /** How many checkpoints of the same run (`run` in their headers) stay in the directory, this one included. Default: 3. */
  readonly keep?: number;
  /** Checkpoints whose step is a multiple of this are never deleted, and not counted in `keep`. Default: 0, none. */
  readonly keepEvery?: number;
  /** Stops writing; nothing of this checkpoint is left. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes `step-<step>.mayfly` into a directory, which is made if necessary. The file is written as a whole or not at all, even if the
 * disk is full, the process is killed or the power fails; older checkpoints are not touched before. One writer per directory.
 *
 * @param sections Raw bytes, e.g. views on the arena. Nothing is copied: they must not change until the promise settles.
 * @returns The file's path.
 * @throws `ERR_FILE` where the file system refuses; the signal's reason.
 */
export async function writeCheckpoint(
  directory: string,
  step: number,
  header: CheckpointFields,
  sections: WrittenSections,
  { keep = 3, keepEvery = 0, signal }: WriteCheckpointOptions = {},
): Promise<string> {
  if (!Number.isSafeInteger(keep) || keep < 1) throw invalidArgument('keep', 'a whole number from 1 up', keep);
  if (!Number.isSafeInteger(keepEvery) || keepEvery < 0)
    throw invalidArgument('keepEvery', 'a whole number from 0 up', keepEvery);
  await beginCheckpoint(directory, step);
  const { commit } = await prepareCheckpoint(directory, step, header, sections, { keep, keepEvery, signal });
  return await commit();
}

/** Makes the directory, and removes what checkpoints of writers that died have left in it. */
export async function beginCheckpoint(directory: string, step: number): Promise<void> {
  if (!Number.isSafeInteger(step) || step < 0) throw invalidArgument('step', 'a whole number from 0 up', step);
  await onPath(checkpointPath(directory, step), async () => {
    makeFolder(directory);
    await sweepTemporaries(directory);
    await sweepParts(directory);
  });
}

/** A checkpoint that is written, but is none before `commit`, which returns its path. Exactly one of the two is called, once. */
export interface PreparedCheckpoint {
  commit(): Promise<string>;
  discard(): Promise<void>;
}

/**
 * As `writeCheckpoint` after `beginCheckpoint`, but for the file's name.
 *
 * @param parts Of sections that lie in other files, too, which have to be whole before `commit`.
 */
export async function prepareCheckpoint(
  directory: string,
  step: number,
  header: CheckpointFields,
  sections: WrittenSections,
  { keep = 3, keepEvery = 0, signal }: WriteCheckpointOptions,
  parts?: PartTable,
): Promise<PreparedCheckpoint> {
  const path = checkpointPath(directory, step);
  const others = parts && { parts };
  const file = await onPath<PreparedFile>(path, () =>
    prepareFile(path, (opened) => writeFile(opened, { ...header, step }, sections, { signal, others })),
  );
  const commit = async () => {
    await onPath(path, () => file.commit());
    await pruneCheckpoints(directory, step, header.run, { keep, keepEvery });
    return path;
  };
  return { commit, discard: () => file.discard() };
}

/** Writes a part of a checkpoint into its file, which `createPart` made, to the disk. */
export async function writePart(
  directory: string,
  step: number,
  place: PartPlace,
  sections: WrittenSections,
): Promise<void> {
  const path = partPath(directory, step, place);
  await onPath(path, async () => {
    const file = await open(path, 'r+');
    try {
      await writeFile(file, { step }, sections, { others: { part: place } });
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
  });
}

/** Gives errors of the file system their words. */
async function onPath<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw fileError(`write a checkpoint to ${path}`, error);
  }
}

async function writeFile(
  file: FileHandle,
  header: CheckpointHeader,
  sections: WrittenSections,
  { signal, others }: { readonly signal?: AbortSignal | undefined; readonly others?: OtherFiles | undefined },
): Promise<void> {
  const { bytes, head } = encodeHead(header, sections, others);
  const output = new HashedOutput(file, signal);
  await output.write(bytes);
  for (const { name, offset } of head.ranges) {
    await output.padTo(offset);
    for (const piece of piecesOf(sections[name]!))
      await output.write(piece instanceof Uint8Array ? piece : await piece.read());
  }
  await output.padTo(head.digestOffset);
  await output.finish();
}

/** Writes chunks in sequence, and hashes each chunk while it is written. */
class HashedOutput {
  readonly #file: FileHandle;
  readonly #signal: AbortSignal | undefined;
  readonly #hash: Hash = createHash('sha256');
  #position = 0;

  constructor(file: FileHandle, signal: AbortSignal | undefined) {
    this.#file = file;
    this.#signal = signal;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
      this.#signal?.throwIfAborted();
      const chunk = bytes.subarray(start, start + CHUNK_BYTES);
      const writing = this.#file.writeFile(chunk);
      this.#hash.update(chunk);
      await writing;
    }
    this.#position += bytes.length;
  }

  async padTo(offset: number): Promise<void> {
    await this.write(new Uint8Array(offset - this.#position));
  }

  async finish(): Promise<void> {
    await this.#file.writeFile(this.#hash.digest());
  }
}

export interface Kept {
  /** How many of a run's checkpoints are kept, including the one at `step`. */
  readonly keep: number;
  /** Checkpoints whose step is a multiple of this are never deleted, and not counted. 0: none. */
  readonly keepEvery: number;
}

/**
 * Deletes a run's checkpoints before `step`, except the latest `keep` − 1. Keeps those of other runs, and damaged ones, whose run is
 * unknown. If deleting fails, warns and keeps the rest.
 */
export async function pruneCheckpoints(
  directory: string,
  step: number,
  run: string | undefined,
  { keep, keepEvery }: Kept,
): Promise<void> {
  try {
    const earlier = (await listCheckpoints(directory)).filter((file) => file.step < step);
    let left = keep - 1;
    for (const file of earlier) {
      if (keepEvery > 0 && file.step % keepEvery === 0) continue;
      if ((await runOf(file.path)) !== run) continue;
      if (left > 0) left -= 1;
      else await removeCheckpoint(file.path);
    }
  } catch (error) {
    const { message } = error as Error;
    process.emitWarning(`checkpoints of ${directory} before step ${step} could not be removed: ${message}`);
  }
}
