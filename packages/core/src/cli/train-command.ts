import { join, resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { flag, milliseconds, text } from '../check.js';
import type { Collective } from '../collective/collective.js';
import { findLaunch } from '../collective/launcher.js';
import { optionWords, shellWords } from '../command-line.js';
import { toJsonLine } from '../observe/json-lines.js';
import { type ObserverOptions, Observers, observerOptions } from '../observe/observers.js';
import { openReporter } from '../observe/open-reporter.js';
import type { Reporter } from '../observe/reporter.js';
import { StartStatus } from '../observe/start-status.js';
import { textTable } from '../observe/table.js';
import { formatBytes, print } from '../observe/text.js';
import type { AnyOptionTable } from '../option-table.js';
import { createTrainer } from '../train/create-trainer.js';
import { type FinishedRun, finishedRun } from '../train/finished-run.js';
import { type MemoryNeeds, memoryLimit } from '../train/memory-needs.js';
import { type TrainOptions, trainOptions } from '../train/options.js';
import { trainingMemory } from '../train/plan-run.js';
import { Ranks } from '../train/ranks.js';
import {
  addOptions,
  type CommandFlags,
  type JsonFlag,
  jsonOption,
  optionsFrom,
  splitOptions,
} from './command-options.js';
import { configOptions, mergeOptions, readConfigFile } from './config-file.js';
import { Interruption, outliveOutput } from './interruption.js';
import { type KeptOptions, keptOptions, keptText } from './kept-options.js';
import { onRanks } from './on-ranks.js';
import { WatchPage } from './watch-page.js';

const examples = `
Examples:
  $ mayfly train --data book.txt --steps 2000 --out runs/book
  $ mayfly train --resume runs/book --steps 4000
  $ mayfly train --model stories260K.bin --data stories.u16 --lr 1e-4 --batch 4 --seq 64
  $ mayfly train --config runs/book/run.yaml --lr 2e-3 --out runs/again
  $ mayfly train --data src --weights static --retire-after 40 --json > run.jsonl

SIGINT (Ctrl-C) finishes the step, writes a checkpoint and says how to resume; a second one ends at once.`;

/** The options of `mayfly train`. */
export const trainCommandOptions = {
  ...trainOptions,
  config: {
    ...{ rule: text, flag: '--config <file>', group: 'Model and data:' },
    help: 'options in YAML, or the run.yaml of a run, to repeat it; those of the command line win',
  },
  memory: {
    ...{ rule: flag, default: false, flag: '--memory', group: 'Workers:' },
    help: 'print the memory that the run needs, and do not start it',
  },
  rankTimeout: {
    ...{ rule: milliseconds(1, { orNever: true }), default: 600_000, flag: '--rank-timeout <ms>', group: 'Workers:' },
    help: 'milliseconds after which a rank that does not answer ends the run on all ranks',
  },
  ...observerOptions,
  watch: {
    ...{ rule: flag, default: false, flag: '--watch', group: 'Checkpoints and output:' },
    help: 'show the run in a web page on this machine while it trains, as mayfly watch does',
  },
  json: { ...jsonOption('one JSON object per line on stdout, nothing else'), group: 'Checkpoints and output:' },
};

/** `mayfly train`. */
export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('Train a model on text or tokens, in worker processes that retire')
    .addHelpText('after', examples);
  addOptions(command, trainCommandOptions).action(train);
}

/** The folder of a run without `--out`. */
export const newRunFolder = (): string => join('runs', new Date().toISOString().replaceAll(':', '-'));

function recordFinished(reporter: Reporter, { step, reason }: FinishedRun): void {
  const why = reason === 'finished' ? `all of its ${step} steps are done` : `its patience ended it after step ${step}`;
  reporter.record('finished', { step, reason }, `the run is finished: ${why}`);
}

function printMemory(needs: MemoryNeeds, json: boolean, ranks: number): void {
  const limit = memoryLimit();
  const { parameters, gradients, moments, surfaces, workers, mainProcess, total } = needs;
  const rows = [
    ['parameters', parameters],
    ['gradients', gradients],
    ['moments', moments],
    ['surfaces: activations and weights', surfaces],
    ['workers, about', workers],
    ['main process, about', mainProcess],
    ['total', total],
    ['memory of this machine', limit],
  ] as const;
  const table = textTable(
    rows.map(([name, bytes]) => [name, formatBytes(bytes)]),
    { numbers: true },
  );
  const each = ranks === 1 ? '' : `\nof each of ${ranks} ranks`;
  print(process.stdout, `${json ? toJsonLine({ ...needs, limit, ...(each && { ranks }) }) : `${table}${each}`}\n`);
}

export interface TrainFlags extends TrainOptions, ObserverOptions, JsonFlag {
  readonly watch?: boolean;
  readonly config?: string;
  readonly memory?: boolean;
  readonly rankTimeout?: number;
}

async function train(flags: CommandFlags): Promise<void> {
  const read = optionsFrom<TrainFlags>(trainCommandOptions, flags);
  const { json = false, memory = false, watch = false, config, rankTimeout, ...all } = read;
  const [observed, given] = splitOptions<ObserverOptions, TrainOptions>(observerOptions, all);
  const options =
    config === undefined
      ? given
      : mergeOptions(trainOptions, configOptions(await readConfigFile(config), trainOptions), given);
  if (options.data === undefined && options.resume === undefined) {
    throw new MayflyError('ERR_INVALID_ARGUMENT', 'Expected --data with text or tokens, or --resume, got neither');
  }
  if (options.autoResume === true && options.out === undefined && options.resume === undefined) {
    throw new MayflyError(
      'ERR_INVALID_ARGUMENT',
      'Expected --auto-resume together with --out, got --auto-resume alone',
    );
  }
  if (memory) {
    const launch = findLaunch(process.env) ?? { rank: 0, size: 1 };
    // Every rank needs about as much, so one of them says it. Nothing is exchanged.
    if (launch.rank === 0)
      printMemory(await trainingMemory(again(options, await keptFor(options)), launch), json, launch.size);
    return;
  }
  await onRanks(rankTimeout, (collective) =>
    trainWith(collective, options, { observed, json, watch, words: commandWords(read) }),
  );
}

/**
 * The words of those options that `createTrainer` does not know, for a command that goes on with the run from any folder. A trace is not among
 * them: it would take the place of the earlier one.
 */
export function commandWords({ tensorboard, csv, ...flags }: TrainFlags): string[] {
  const { trace: _, ...observers } = observerOptions;
  const { rankTimeout, watch } = trainCommandOptions;
  return optionWords({ rankTimeout, ...observers, watch } satisfies AnyOptionTable, {
    ...flags,
    ...(tensorboard !== undefined && { tensorboard: resolve(tensorboard) }),
    ...(csv !== undefined && { csv: resolve(csv) }),
  });
}

const keptFor = async (given: TrainOptions): Promise<KeptOptions | null> =>
  given.resume === undefined ? null : keptOptions(given.resume, given);

/** Options with those that a run has had before. */
const again = (given: TrainOptions, kept: KeptOptions | null): TrainOptions =>
  kept?.fits ? mergeOptions(trainOptions, kept.options, given) : given;

interface Shown {
  readonly observed: ObserverOptions;
  readonly json: boolean;
  readonly watch: boolean;
  /** Of the command that resumes the run. */
  readonly words: readonly string[];
}

/** Only the first rank shows the run. */
async function trainWith(
  collective: Collective,
  given: TrainOptions,
  { observed, json, watch, words }: Shown,
): Promise<void> {
  const ranks = new Ranks(collective);
  const kept = await ranks.fromFirst(() => keptFor(given));
  const options = again(given, kept);
  const { isFirst } = ranks;
  outliveOutput();
  using reporter = isFirst ? openReporter(process.stdout, { json }) : null;
  const isNamed = options.resume !== undefined || options.autoResume === true;
  const { out = isNamed ? undefined : newRunFolder() } = options;
  const finished = options.autoResume === true ? await ranks.fromFirst(() => finishedRun(options)) : null;
  if (finished !== null) {
    if (reporter !== null) recordFinished(reporter, finished);
    return;
  }
  // Before the workers start, and until they have ended.
  await using observers = await Observers.open(isFirst ? observed : {});
  const status = isFirst ? new StartStatus() : null;
  const starting = createTrainer({ ...options, out, collective, ...(status && { onProgress: status.onProgress }) });
  await using trainer = await starting.finally(() => status?.[Symbol.dispose]());
  // Before this, a signal ends the command at once: there is nothing to save.
  using interruption = new Interruption((signal) => {
    reporter?.record('interrupt', { signal }, `${signal}: finishing the step; once more to stop at once`);
  });
  using page = isFirst && watch && trainer.options.out !== undefined ? await WatchPage.open(trainer.options.out) : null;
  // Before the reporter starts: the address has the page's token, which must not be in the log.
  if (page !== null) reporter?.record('watch', { url: page.url }, `watch   ${page.url}`);
  reporter?.start(trainer);
  if (kept !== null) reporter?.record('options', { ...kept }, keptText(kept));
  const address = observers.start(trainer);
  if (address !== null) reporter?.record('metrics', { address }, `metrics ${address}`);
  if (reporter !== null && trainer.step === trainer.options.steps)
    recordFinished(reporter, { step: trainer.step, reason: 'finished' });
  const summary = await trainer.train({ signal: interruption.signal });
  const { resumeCommand } = summary;
  const withOwn = resumeCommand && [resumeCommand, ...(words.length === 0 ? [] : [shellWords(words)])].join(' ');
  reporter?.done({ ...summary, resumeCommand: withOwn });
  if (interruption.exitCode !== null) process.exitCode = interruption.exitCode;
}
