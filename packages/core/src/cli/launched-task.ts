import { join, resolve } from 'node:path';
import { invalidArgument } from '@mayfly/native';
import { Command } from 'commander';
import { type CheckpointFile, listCheckpoints } from '../checkpoint/directory.js';
import type { AnyOptionTable } from '../option-table.js';
import { type TrainOptions, trainOptions } from '../train/options.js';
import { resumeWords } from '../train/resume-command.js';
import { addOptions, optionsFrom } from './command-options.js';
import { configOptions, readConfigFile } from './config-file.js';
import { type StressFlags, stressCommandOptions, stressWords } from './stress-command.js';
import { commandWords, newRunFolder, type TrainFlags, trainCommandOptions } from './train-command.js';

/** A command that `mayfly launch` runs in every rank. */
export interface LaunchedTask {
  /** As the ranks are given it. */
  readonly words: readonly string[];
  /** The command that goes on with the run, or begins it where there is no checkpoint yet. */
  readonly restartWords: readonly string[];
  /** The command that goes on with the run from any folder. */
  readonly resumeWords: readonly string[];
  /** The latest checkpoint of the run, on this machine; null where there is none. */
  lastCheckpoint(): Promise<CheckpointFile | null>;
}

/**
 * Checks a command before any rank starts, so that an error in it comes once.
 *
 * @throws `ERR_INVALID_ARGUMENT`, and commander's errors.
 */
export async function launchedTask(name: string, words: readonly string[]): Promise<LaunchedTask> {
  if (name === 'train') return trainTask(words, optionsOf<TrainFlags>(name, trainCommandOptions, words));
  if (name === 'stress') return stressTask(words, optionsOf<StressFlags>(name, stressCommandOptions, words));
  throw invalidArgument('the command', 'train or stress', name);
}

function optionsOf<Options>(name: string, table: AnyOptionTable, words: readonly string[]): Options {
  const command = addOptions(new Command(name), table)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  return optionsFrom<Options>(table, command.parse(words, { from: 'user' }).opts());
}

async function trainTask(given: readonly string[], options: TrainFlags): Promise<LaunchedTask> {
  const named = await folderOf(options);
  const out = named ?? newRunFolder();
  // Its name is part of the command, so that a restart finds it.
  const words = ['train', ...given, ...(named === null ? ['--out', out] : [])];
  const isRestarted = options.resume !== undefined || options.autoResume === true;
  const folder = resolve(out);
  return {
    words,
    restartWords: isRestarted ? words : [...words.filter((word) => word !== '--overwrite'), '--auto-resume'],
    resumeWords: [...resumeWords(folder, options), ...commandWords(options)],
    lastCheckpoint: () => lastCheckpoint(folder),
  };
}

/** A stress run with a folder goes on from it whenever it begins, another begins again. */
function stressTask(given: readonly string[], options: StressFlags): LaunchedTask {
  if (options.ranks !== undefined)
    throw invalidArgument('--ranks', 'given to mayfly launch alone, or to stress without it', options.ranks);
  const words = ['stress', ...given];
  const { out } = options;
  if (out === undefined) return { words, restartWords: words, resumeWords: words, lastCheckpoint: async () => null };
  const folder = resolve(out);
  return {
    words,
    restartWords: words,
    resumeWords: stressWords({ ...options, out: folder }),
    lastCheckpoint: () => lastCheckpoint(folder),
  };
}

async function lastCheckpoint(folder: string): Promise<CheckpointFile | null> {
  const found = await listCheckpoints(folder).catch(() => []);
  return found[0] ?? null;
}

async function folderOf({ out, resume, config }: TrainFlags): Promise<string | null> {
  const configured: TrainOptions =
    config === undefined ? {} : configOptions(await readConfigFile(config), trainOptions);
  const named = out ?? configured.out ?? resume ?? configured.resume;
  // Of a checkpoint that is resumed, its folder.
  return named === undefined ? null : named.endsWith('.mayfly') ? join(named, '..') : named;
}
