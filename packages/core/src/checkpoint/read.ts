import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { type RunFile, readRunFile } from '../run/run-file.js';
import { listCheckpoints } from './directory.js';
import {
  type CheckpointHead,
  type CheckpointHeader,
  damaged,
  digestBytes,
  piecesOf,
  type Sections,
  sectionBytes,
  wrongDigest,
} from './format.js';
import { CHUNK_BYTES, type OpenFile, openFile, readFully } from './open-file.js';
import { openPart, readParted, type SectionSink, sharesOf } from './parted-sections.js';

export type { SectionSink } from './parted-sections.js';

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

/** Where sections are read to, by their names. */
export type SectionTargets = Readonly<Record<string, Sections[string] | SectionSink>>;

const isSink = (target: SectionTargets[string]): target is SectionSink => 'write' in target;

/**
 * Reads sections of a checkpoint directly into memory, and checks the whole file. Of a checkpoint with parts, these are read where a target has
 * a section in them, and checked then.
 *
 * @param source A file, or a directory: the latest checkpoint that is whole, of the run that it belongs to.
 * @param targets A view of exactly its size, or a sink, for each section to read. Other sections are checked only. After an error the
 * contents of the views are undefined; a sink gets those of an earlier checkpoint from the beginning.
 * @throws As `readCheckpointHeader`; `ERR_CHECKPOINT_MISMATCH` where a target has no section of its size; the signal's reason.
 */
export function readCheckpoint(
  source: string,
  targets: SectionTargets,
  {
    signal,
    parts = false,
  }: {
    readonly signal?: AbortSignal | undefined;
    /** Whether all parts are checked, also those that no target needs. Default: false. */
    readonly parts?: boolean;
  } = {},
): Promise<Checkpoint> {
  return readLatest(
    source,
    async (own) => {
      const { head, path } = own;
      expectSections(sizesOf(head), targets, path);
      const table = head.parts;
      const isParted = (name: string) => table !== null && Object.hasOwn(table.sections, name);
      const sinks = Object.entries(targets).filter(
        (each): each is [string, SectionSink] => isParted(each[0]) && isSink(each[1]),
      );
      const whole = Object.entries(targets).filter(([name]) => !isParted(name));
      const views = Object.entries(targets).filter(
        (each): each is [string, Sections[string]] => isParted(each[0]) && !isSink(each[1]),
      );
      const shares = views.map(([name, view]) => [name, sharesOf(view, table!, name)] as const);
      const shareOf = (part: number) => Object.fromEntries(shares.map(([name, all]) => [name, all[part]!]));
      await readSections(own, { ...Object.fromEntries(whole), ...shareOf(0) }, signal);
      if (table === null || !(parts || sinks.length > 0 || views.length > 0)) return;
      for (let index = 1; index <= table.count; index++) {
        await openPart(own, index, (part) => readSections(part, shareOf(index), signal));
      }
      for (const [name, sink] of sinks) await readParted(own, name, sink, signal);
    },
    signal,
  );
}

/** What the head of a checkpoint says of other files. */
export async function readPartTable(path: string): Promise<Pick<CheckpointHead, 'parts'> & { readonly step: number }> {
  let found: Pick<CheckpointHead, 'parts'> & { readonly step: number } = { parts: null, step: 0 };
  await readFile(path, async ({ head }) => {
    found = { parts: head.parts, step: head.header.step };
  });
  return found;
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
  const checkpoint = await readLatest(source, async ({ file, head, path }) => {
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

type ReadBody = (opened: OpenFile) => Promise<void>;

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
  return await openFile(path, async (opened) => {
    const { head } = opened;
    if (head.part !== null) throw damaged(path, 'a whole checkpoint', `part ${head.part.index} of the one beside it`);
    await readBody(opened);
    return described(head, path);
  });
}

const described = (head: CheckpointHead, path: string): Omit<Checkpoint, 'warnings'> => ({
  path,
  version: head.version,
  header: head.header,
  sections: sizesOf(head),
});

/** Bytes of each section, in all files. */
function sizesOf({ ranges, parts }: CheckpointHead): Record<string, number> {
  const parted = Object.entries(parts?.sections ?? {}).map(
    ([name, pieces]) => [name, pieces.reduce((sum, [, bytes]) => sum + bytes, 0)] as const,
  );
  return { ...Object.fromEntries(ranges.map(({ name, bytes }) => [name, bytes])), ...Object.fromEntries(parted) };
}

function expectSections(sizes: Readonly<Record<string, number>>, targets: SectionTargets, path: string): void {
  for (const [name, target] of Object.entries(targets)) {
    const byteLength = isSink(target) ? target.bytes : sectionBytes(target);
    const bytes = Object.hasOwn(sizes, name) ? sizes[name] : undefined;
    if (bytes === byteLength) continue;
    throw new MayflyError(
      'ERR_CHECKPOINT_MISMATCH',
      `${path}: Expected ${byteLength} bytes of ${name}, got ${bytes ?? 'no such section'}: is it a checkpoint of another model?`,
    );
  }
}

/** Reads from the file's first byte to its last digest, hashing each chunk while the next one is read. */
async function readSections(
  { file, head, path }: OpenFile,
  targets: SectionTargets,
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
