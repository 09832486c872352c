import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { optionWords, shellWords } from '../command-line.js';
import type { AnyOptionTable } from '../option-table.js';
import { type FilledTrainOptions, trainOptions } from './options.js';

/** Options about the folder, which the command names itself, and a permission for one time. */
const notAgain: ReadonlySet<string> = new Set(['out', 'resume', 'autoResume', 'overwrite', 'allowChangedData']);

/**
 * The command that goes on with a run, from any working directory: with what its checkpoints do not keep, such as how many workers
 * there are, as it was given.
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

/** `mayfly` where the user's shell finds this one under that name; else Node and where it lies. */
function launcher(): string[] {
  const script = fileURLToPath(new URL('../bin/mayfly.js', import.meta.url));
  const scripts = [script, script.replace(/\.js$/, '')];
  if (scripts.some((file) => isOnPath('mayfly', file))) return ['mayfly'];
  return [isOnPath('node', process.execPath) ? 'node' : process.execPath, script];
}

/** npm puts these folders on the path, but only for the command that it starts (`npx`, `npm run`). */
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
