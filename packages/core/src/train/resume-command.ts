import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { optionWords, shellWords } from '../command-line.js';
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
  return shellWords([...launcher(), 'train', '--resume', folder, ...optionWords(Object.fromEntries(rows), options)]);
}

const unsaved = (rows: AnyOptionTable): AnyOptionTable =>
  Object.fromEntries(Object.entries(rows).filter(([, row]) => !row.saved));

/** `mayfly` if the user's shell finds this command under that name; otherwise `node` and the path of the command. */
function launcher(): string[] {
  const script = fileURLToPath(new URL('../bin/mayfly.js', import.meta.url));
  const scripts = [script, script.replace(/\.js$/, '')];
  if (scripts.some((file) => isOnPath('mayfly', file))) return ['mayfly'];
  return [isOnPath('node', process.execPath) ? 'node' : process.execPath, script];
}

/** Whether npm added the folder to the path: it does so for the command that it starts (`npx`, `npm run`), not for the shell. */
const isFromNpm = (folder: string): boolean =>
  process.env.npm_execpath !== undefined && /[\\/]node_modules[\\/]\.bin[\\/]?$/.test(folder);

function isOnPath(command: string, file: string): boolean {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (isFromNpm(folder)) continue;
    try {
      const found = realpathSync(join(folder, command));
      return found === realpathSync(file);
    } catch {
      // Not in this folder.
    }
  }
  return false;
}
