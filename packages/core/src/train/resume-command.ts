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
 * of workers, as they were given.
 *
 * @param folder Absolute.
 */
export function resumeCommand(folder: string, options: FilledTrainOptions): string {
  const table: AnyOptionTable = trainOptions;
  const rows = Object.entries(table)
    .filter(
      ([name, row]) =>
        !row.saved && !notAgain.has(name) && options.origins[name as keyof typeof trainOptions] === 'given',
    )
    .map(([name, { members, ...row }]) => [name, members === undefined ? row : { ...row, members: unsaved(members) }]);
  return mayflyCommand(['train', '--resume', folder, ...optionWords(Object.fromEntries(rows), options)]);
}

const unsaved = (rows: AnyOptionTable): AnyOptionTable =>
  Object.fromEntries(Object.entries(rows).filter(([, row]) => !row.saved));
