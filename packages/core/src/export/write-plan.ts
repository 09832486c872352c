import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { writeAtomically } from '../files/atomic-file.js';
import { fileError } from '../files/errors.js';
import { makeFolder } from '../files/folders.js';
import { ProgressReport } from '../files/progress.js';
import { type FilePlan, planBytes } from './file-plan.js';
import { numberFormats } from './number-format.js';

/** Elements that are encoded and written at a time, so that the event loop stays responsive. A multiple of Q8_0's block. */
const CHUNK = 2 ** 20;

export interface WriteSettings {
  /** Replaces what an earlier export wrote there. */
  readonly overwrite: boolean;
  /** Stops writing, with its reason; nothing is left. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes one file as a whole or not at all.
 *
 * @throws `ERR_FILE` where the file system refuses; `ERR_FILE_EXISTS`; the signal's reason.
 */
export async function writePlannedFile(path: string, plan: FilePlan, settings: WriteSettings): Promise<void> {
  const target = resolve(path);
  await writing(path, async () => {
    if (existsSync(target) && !settings.overwrite) throw exists(path);
    makeFolder(dirname(target));
    const report = reportOf(path, [plan]);
    await writeAtomically(target, (file) => writePieces(file, plan, report, settings.signal));
  });
}

/**
 * Writes a folder as a whole or not at all: files go into a folder beside it, which takes its name when they are complete and on
 * disk. With `overwrite`, the older folder of that name goes after that; it may hold the files of an export only.
 *
 * @throws As `writePlannedFile`.
 */
export async function writePlannedFolder(
  path: string,
  plans: readonly FilePlan[],
  { overwrite, signal }: WriteSettings,
): Promise<void> {
  const target = resolve(path);
  const temporary = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  await writing(path, async () => {
    const old = readIfThere(target) ?? [];
    if (old.length > 0) expectReplaceable(path, old, overwrite);
    makeFolder(dirname(target));
    await mkdir(temporary);
    try {
      const report = reportOf(path, plans);
      for (const plan of plans) await writeFile(join(temporary, plan.name), plan, report, signal);
      await sync(temporary);
      await moveInto(target, temporary, old.length > 0);
      await sync(dirname(target));
    } catch (error) {
      // The first error is the one to report.
      await rm(temporary, { recursive: true, force: true }).catch(() => {});
      throw error;
    }
  });
}

/** Files that an export of this or an earlier version may have written. */
const ours =
  /^(config|adapter_config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|\.safetensors(\.index\.json)?$|^(merges\.txt|tokenizer\.model|chat_template\.jinja)$/;

function expectReplaceable(path: string, entries: readonly string[], overwrite: boolean): void {
  if (!overwrite) throw exists(path);
  const other = entries.find((name) => !ours.test(name));
  if (other === undefined) return;
  throw new MayflyError(
    'ERR_FILE_EXISTS',
    `Cannot write a model to ${path}: the folder holds ${other}, which no export wrote, and would be deleted`,
  );
}

const exists = (path: string): MayflyError =>
  new MayflyError(
    'ERR_FILE_EXISTS',
    `Cannot write a model to ${path}: it exists. --overwrite (overwrite: true) replaces it`,
  );

/** The names in a folder; undefined where nothing has that name. A file is an error of the system. */
function readIfThere(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A rename does not replace a folder that holds something. */
async function moveInto(target: string, temporary: string, isReplaced: boolean): Promise<void> {
  if (!isReplaced) return await rename(temporary, target);
  const aside = `${temporary}.old`;
  await rename(target, aside);
  try {
    await rename(temporary, target);
  } catch (error) {
    await rename(aside, target);
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

async function writeFile(
  path: string,
  plan: FilePlan,
  report: ProgressReport,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writePieces(file, plan, report, signal);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writePieces(
  file: FileHandle,
  { pieces }: FilePlan,
  report: ProgressReport,
  signal: AbortSignal | undefined,
): Promise<void> {
  const write = async (bytes: Uint8Array) => {
    signal?.throwIfAborted();
    // `writeFile` on a handle continues at its position, and writes everything.
    await file.writeFile(bytes);
    report.add(bytes.length);
  };
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      await write(piece);
      continue;
    }
    const values = piece.values();
    const { encode } = numberFormats[piece.dtype];
    for (let start = 0; start < values.length; start += CHUNK) {
      await write(encode(values.subarray(start, start + CHUNK)));
    }
  }
}

const reportOf = (path: string, plans: readonly FilePlan[]): ProgressReport =>
  new ProgressReport({
    task: 'export',
    source: basename(path),
    total: plans.reduce((total, plan) => total + planBytes(plan), 0),
  });

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw fileError(`write a model to ${path}`, error);
  }
}
