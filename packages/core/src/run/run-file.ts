import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { writeAtomically } from '../files/atomic-file.js';
import { fileError } from '../files/errors.js';
import { isRecord, readTextIfThere } from '../files/read-file.js';

export const runFileName = 'run.yaml';
const FORMAT = 1;

const preface = ` What this run is, for people and programs. Mayfly writes it when the run starts and whenever it goes on, and reads the
 run's name from it; a run that goes on takes its options from checkpoints, and device, workers and the like from here. mayfly train --config FILE
 repeats the run.`;

/** The content of `run.yaml`. */
export interface RunFile {
  /** Name of the run that owns the folder; its checkpoints have the same name. */
  readonly run: string;
  /** Whether the run was begun by a version that gave runs no names, so that its first checkpoints have none. */
  readonly adopted: boolean;
  /** ISO 8601. */
  readonly created: string;
  /** Identifies the trainer that last started or resumed the run. */
  readonly session?: string;
  readonly [field: string]: unknown;
}

export async function writeRunFile(folder: string, { run, adopted, created, ...facts }: RunFile): Promise<void> {
  const { stringify } = await import('yaml');
  const content = { format: FORMAT, run, adopted, created, ...facts };
  const text = stringify(content, { lineWidth: 120 });
  const commented = `${preface.replaceAll(/^/gm, '#')}\n${text}`;
  await writeAtomically(join(folder, runFileName), (file) => file.writeFile(commented));
}

/**
 * @returns Null if the folder has no `run.yaml`.
 * @throws `ERR_RUN_FILE` if Mayfly did not write it, or a later version did.
 */
export async function readRunFile(folder: string): Promise<RunFile | null> {
  const path = join(folder, runFileName);
  let text: string | null;
  try {
    text = readTextIfThere(path);
  } catch (error) {
    throw fileError(`read the run file ${path}`, error);
  }
  return text === null ? null : checked(text, path);
}

async function checked(text: string, path: string): Promise<RunFile> {
  const { format, run, adopted, created, ...facts } = await parsed(text, path);
  if (format !== FORMAT) {
    throw new MayflyError(
      'ERR_RUN_FILE',
      `${path}: Expected format ${FORMAT}, got ${String(format)}: take the version of Mayfly that wrote it`,
    );
  }
  if (typeof run !== 'string' || run === '') {
    throw new MayflyError('ERR_RUN_FILE', `${path}: Expected the name of a run, got ${JSON.stringify(run)}`);
  }
  return { ...facts, run, adopted: adopted === true, created: String(created) };
}

async function parsed(text: string, path: string): Promise<Record<string, unknown>> {
  const { parse } = await import('yaml');
  try {
    const value: unknown = parse(text, { maxAliasCount: 100 });
    if (isRecord(value)) return value;
  } catch (error) {
    const [line] = (error as Error).message.split('\n');
    throw new MayflyError('ERR_RUN_FILE', `${path}: Expected a run file, got ${line}`, { cause: error });
  }
  throw new MayflyError('ERR_RUN_FILE', `${path}: Expected a run file, got \`${text.slice(0, 40)}\``);
}
