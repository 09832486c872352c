import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, rm } from 'node:fs/promises';
import { invalidArgument } from '@mayfly/native';
import { writeAtomically } from '../files/atomic-file.js';
import { fileError } from '../files/errors.js';
import { makeFolder } from '../files/folders.js';
import { checkpointPath, listCheckpoints, sweepTemporaries } from './directory.js';
import { type CheckpointFields, type CheckpointHeader, encodeHead, piecesOf, type WrittenSections } from './format.js';
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
  if (!Number.isSafeInteger(step) || step < 0) throw invalidArgument('step', 'a whole number from 0 up', step);
  if (!Number.isSafeInteger(keep) || keep < 1) throw invalidArgument('keep', 'a whole number from 1 up', keep);
  if (!Number.isSafeInteger(keepEvery) || keepEvery < 0)
    throw invalidArgument('keepEvery', 'a whole number from 0 up', keepEvery);
  const path = checkpointPath(directory, step);
  try {
    makeFolder(directory);
    await sweepTemporaries(directory);
    await writeAtomically(path, (file) => writeFile(file, { ...header, step }, sections, signal));
  } catch (error) {
    throw fileError(`write a checkpoint to ${path}`, error);
  }
  await pruneCheckpoints(directory, step, header.run, { keep, keepEvery });
  return path;
}

async function writeFile(
  file: FileHandle,
  header: CheckpointHeader,
  sections: WrittenSections,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { bytes, head } = encodeHead(header, sections);
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
      else await rm(file.path, { force: true });
    }
  } catch (error) {
    const { message } = error as Error;
    process.emitWarning(`checkpoints of ${directory} before step ${step} could not be removed: ${message}`);
  }
}
