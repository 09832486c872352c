import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { invalidArgument, isMayflyError, MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { text } from '../check.js';
import { isRecord } from '../files/read-file.js';
import { toJsonLine } from '../observe/json-lines.js';
import { StartStatus } from '../observe/start-status.js';
import { textTable } from '../observe/table.js';
import { formatCount, formatDuration, print, printable } from '../observe/text.js';
import { readRunLog } from '../run/run-log.js';
import { createTrainer } from '../train/create-trainer.js';
import { finishedRun } from '../train/finished-run.js';
import { type TrainOptions, trainOptions } from '../train/options.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { configOptions, readConfigFile } from './config-file.js';
import { ExitCode, exitCodeOf } from './errors.js';
import { Interruption, outliveOutput } from './interruption.js';
import { type Combination, folderNames, type SweptOption, sweptOptions, valueText } from './swept-options.js';

const notes = `
FILE is YAML: the options of train by their names in the library, and \`sweep\`, whose options take several values:

  data: book.txt
  steps: 500
  validation: 0.05
  sweep:
    lr: [1e-3, 3e-3, 1e-2]
    seed: { from: 0, to: 2 }

A range has \`from\`, \`to\` and \`step\` (1), or \`count\` with \`scale: log\` or linear. Runs go one after another, each in a folder of its own; the
same command goes on with a sweep that was interrupted, and runs those that failed again.

Examples:
  $ mayfly sweep rates.yaml --out runs/rates`;

/** The options of `mayfly sweep`. */
export const sweepCommandOptions = {
  out: { rule: text, defaultText: 'runs/<FILE without .yaml>', flag: '--out <dir>', help: 'folder of the runs' },
  json: jsonOption('one JSON object for each run, and one for all'),
};

/** `mayfly sweep`. */
export function addSweepCommand(program: Command): void {
  const command = program
    .command('sweep')
    .description('Train a model several times, with other seeds or rates')
    .argument('<file>', 'YAML')
    .addHelpText('after', notes);
  addOptions(command, sweepCommandOptions).action(sweep);
}

/** One run of a sweep, as it ended. */
interface SweptRun {
  readonly folder: string;
  readonly values: Combination['values'];
  /** As in the record `done`; `failed` with `error` beside it. */
  readonly reason: string;
  readonly lastStep: number | null;
  readonly loss: number | null;
  readonly validation: number | null;
  readonly bitsPerByte: number | null;
  readonly wallMs: number | null;
  readonly error?: Error;
}

async function sweep(path: string, flags: CommandFlags): Promise<void> {
  const given = optionsFrom<{ readonly out?: string } & JsonFlag>(sweepCommandOptions, flags);
  const { json = false, out = join('runs', basename(path).replace(/\.ya?ml$/, '')) } = given;
  const file = await readConfigFile(path);
  const { sweep: swept, ...values } = file.values;
  const shared = configOptions({ ...file, values }, trainOptions) as TrainOptions;
  if (shared.data === undefined) throw new MayflyError('ERR_INVALID_ARGUMENT', `${path}: Expected data, got none`);
  for (const name of ['out', 'resume', 'autoResume', 'overwrite'] as const) {
    if (shared[name] !== undefined) throw invalidArgument(name, 'left out of a sweep', shared[name]);
  }
  const options = sweptOptions(file, swept, trainOptions);
  outliveOutput();
  using interruption = new Interruption((signal) => {
    if (!json) print(process.stdout, `${signal}: finishing the step; once more to stop at once\n`);
  });
  const combinations = combinationsOf(options);
  const runs: SweptRun[] = [];
  let fatal: unknown;
  for (const [index, { name, values: own }] of combinations.entries()) {
    if (interruption.signal.aborted) break;
    const folder = join(out, name);
    try {
      const run = await oneRun({ ...shared, ...own, out: folder }, own, interruption.signal);
      runs.push(run);
      const line = `run ${index + 1}/${combinations.length}  ${name}: ${resultText(run)}`;
      print(process.stdout, `${json ? toJsonLine({ event: 'run', ...run }) : printable(line)}\n`);
    } catch (error) {
      if (runs.length === 0) throw error;
      fatal = error;
      break;
    }
  }
  if (json) print(process.stdout, `${toJsonLine({ event: 'sweep', out, runs: ranked(runs) })}\n`);
  else print(process.stdout, `\n${table(options, runs)}\n`);
  if (fatal !== undefined) throw fatal;
  if (interruption.exitCode !== null) process.exitCode = interruption.exitCode;
  else if (runs.some(({ error }) => error !== undefined)) process.exitCode = ExitCode.failure;
}

function combinationsOf(options: readonly SweptOption[]): Combination[] {
  const [first, ...rest] = options;
  if (first === undefined) return [{ name: '', values: {} }];
  const further = combinationsOf(rest);
  const names = folderNames(first);
  return first.values.flatMap((value, index) =>
    further.map(({ name, values }) => ({
      name: name === '' ? names[index]! : `${names[index]},${name}`,
      values: { [first.name]: value, ...values },
    })),
  );
}

/** Trains, or goes on, or takes the result of a run that has ended. */
async function oneRun(options: TrainOptions, values: Combination['values'], signal: AbortSignal): Promise<SweptRun> {
  const folder = options.out!;
  try {
    const resumable = { ...options, autoResume: true };
    const isDone = existsSync(folder) && (await finishedRun(resumable)) !== null;
    if (!isDone) await train(resumable, signal);
    return { folder, values, ...resultOf(folder) };
  } catch (error) {
    // Wrong input and a full disk would fail every run.
    if (!isMayflyError(error) || exitCodeOf(error) === ExitCode.badInput) throw error;
    const none = { lastStep: null, loss: null, validation: null, bitsPerByte: null, wallMs: null };
    return { folder, values, reason: 'failed', ...none, error };
  }
}

async function train(options: TrainOptions, signal: AbortSignal): Promise<void> {
  const status = new StartStatus();
  const starting = createTrainer({ ...options, onProgress: status.onProgress });
  await using trainer = await starting.finally(() => status[Symbol.dispose]());
  await trainer.train({ signal });
}

/** The result of a run, from its last record `done`. */
function resultOf(folder: string): Omit<SweptRun, 'folder' | 'values'> {
  const done = readRunLog(folder).findLast(({ event }) => event === 'done') ?? {};
  const best = isRecord(done.best) ? done.best : {};
  const figure = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  return {
    reason: String(done.reason),
    lastStep: figure(done.last_step),
    loss: figure(done.loss),
    validation: figure(best.cross_entropy),
    bitsPerByte: figure(best.bits_per_byte),
    wallMs: figure(done.wall_ms),
  };
}

/** The lowest loss first: on validation data where there is some. */
const ranked = (runs: readonly SweptRun[]): SweptRun[] => runs.toSorted((one, other) => rankOf(one) - rankOf(other));

const rankOf = ({ validation, loss }: SweptRun): number => validation ?? loss ?? Number.MAX_VALUE;

function table(options: readonly SweptOption[], runs: readonly SweptRun[]): string {
  const header = [
    ...options.map(({ name }) => name),
    'steps',
    'last loss',
    'validation',
    'bits/byte',
    'time',
    'folder',
  ];
  const shown = (value: number | null) => value?.toFixed(4) ?? '';
  const rows = ranked(runs).map((run) => [
    ...options.map(({ name }) => valueText(run.values[name])),
    run.lastStep === null ? run.reason : formatCount(run.lastStep),
    ...[shown(run.loss), shown(run.validation), shown(run.bitsPerByte)],
    ...[run.wallMs === null ? '' : formatDuration(run.wallMs), run.folder],
  ]);
  return printable(textTable([header, ...rows], { rule: true }));
}

function resultText({ error, loss, validation, lastStep, reason }: SweptRun): string {
  if (error !== undefined) return `failed: ${error.message}`;
  const losses = [
    `loss ${loss?.toFixed(4) ?? 'none'}`,
    ...(validation === null ? [] : [`validation ${validation.toFixed(4)}`]),
  ];
  return `${losses.join(', ')} after ${formatCount(lastStep ?? 0)} steps (${reason})`;
}
