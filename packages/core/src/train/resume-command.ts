import { launchWords } from '../collective/launched.js';
import { mayflyCommand, optionWords } from '../command-line.js';
import type { AnyOptionTable } from '../option-table.js';
import { type FilledTrainOptions, trainOptions } from './options.js';

/** Options that the command leaves out: those that select the folder, and a permission that is valid once. */
const notAgain: ReadonlySet<string> = new Set([
  'out',
  'resume',
  'autoResume',
  'overwrite',
  'allowChangedData',
  'allowChangedPrecision',
]);

/**
 * The command that resumes a run, from any working directory. It repeats the options that checkpoints do not store, such as the number
 * of workers, as they were given, and the ranks.
 *
 * @param folder Absolute.
 */
export function resumeCommand(folder: string, options: FilledTrainOptions): string {
  const given = Object.entries(options).filter(
    ([name]) => options.origins[name as keyof typeof trainOptions] === 'given',
  );
  const ranks = options.collective?.size ?? 1;
  return mayflyCommand([...launchWords(process.env, ranks), ...resumeWords(folder, Object.fromEntries(given))]);
}

/** The words of that command behind `mayfly`, from the options that were given. */
export const resumeWords = (folder: string, given: object): string[] => [
  ...['train', '--resume', folder],
  ...optionWords(placeOptions, given),
];

const unsaved = (rows: AnyOptionTable): AnyOptionTable =>
  Object.fromEntries(Object.entries(rows).filter(([, row]) => !row.saved));

/** The options of where and how a run is computed, which checkpoints do not store since a run may go on elsewhere: device, workers, threads. */
export const placeOptions: AnyOptionTable = Object.fromEntries(
  Object.entries(unsaved(trainOptions))
    .filter(([name]) => !notAgain.has(name))
    .map(([name, { members, ...row }]) => [name, members === undefined ? row : { ...row, members: unsaved(members) }]),
);
