import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { optionWords, shellWords } from '../command-line.js';
import { isRecord } from '../files/read-file.js';
import type { AnyOptionTable } from '../option-table.js';
import { readRunFile } from '../run/run-file.js';
import type { TrainOptions } from '../train/options.js';
import { placeOptions } from '../train/resume-command.js';

/** What a resumed run was told, when it last trained, of where and how it is computed. */
export interface KeptOptions {
  readonly options: TrainOptions;
  /** Whether this machine is one of the same kind: for another one the options would not be right. */
  readonly fits: boolean;
  /** The machine that they were for. */
  readonly machine: string;
}

/**
 * The options that `run.yaml` of a run has and its checkpoints do not, such as device and workers: those that were given.
 *
 * @param resume The run's folder, or one of its checkpoints.
 * @param again Options that are given now, and take their place.
 * @returns Null where there are none.
 */
export async function keptOptions(resume: string, again: TrainOptions): Promise<KeptOptions | null> {
  const file = (await readRunFile(resume)) ?? (await readRunFile(join(resume, '..')));
  if (!isRecord(file?.options) || !Array.isArray(file.given)) return null;
  const given = file.given;
  const ofRun = Object.fromEntries(Object.entries(file.options).filter(([name]) => given.includes(name)));
  const options = remaining(placeOptions, ofRun, again);
  if (optionWords(placeOptions, options).length === 0) return null;
  const machine = isRecord(file.machine) ? file.machine : {};
  const own = { architecture: arch(), processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
  return {
    options,
    fits: Object.entries(own).every(([name, value]) => machine[name] === value),
    machine: `${machine.processor}, ${machine.cores} cores`,
  };
}

/** What a table has of these options, in nested ones, too, without those that are given again. */
function remaining(
  table: AnyOptionTable,
  options: Readonly<Record<string, unknown>>,
  again: object,
): Record<string, unknown> {
  const rows = Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
    const { members } = table[name] ?? {};
    const now = (again as Record<string, unknown>)[name];
    if (members !== undefined && isRecord(value)) return [[name, remaining(members, value, isRecord(now) ? now : {})]];
    return name in table && now === undefined ? [[name, value]] : [];
  });
  return Object.fromEntries(rows);
}

/** One line for people. */
export function keptText({ options, fits, machine }: KeptOptions): string {
  const words = shellWords(optionWords(placeOptions, options));
  return fits ? `as before: ${words}` : `left out, since the run had another machine (${machine}): ${words}`;
}
