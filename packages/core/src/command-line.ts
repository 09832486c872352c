import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnyOptionTable, OptionEntry } from './option-table.js';

/** An option of a command, with the path of its value in the options. */
export interface CommandOption {
  readonly path: readonly string[];
  readonly row: OptionEntry<unknown>;
}

/** The rows that a command offers, including those of nested options. */
export function* commandOptions(table: AnyOptionTable, path: readonly string[] = []): Generator<CommandOption> {
  for (const [name, row] of Object.entries(table)) {
    if (row.flag !== undefined) yield { path: [...path, name], row };
    if (row.members !== undefined) yield* commandOptions(row.members, [...path, name]);
  }
}

/** `--min-lr` for `--min-lr <x>`, `--ranks` for `-n, --ranks <n>`. */
export const flagName = ({ flag }: OptionEntry<unknown>): string => /--[\w-]+/.exec(flag!)![0];

/** The command-line arguments that set `options`. */
export function optionWords(table: AnyOptionTable, options: object): string[] {
  return [...commandOptions(table)].flatMap(({ path, row }) => {
    const value = path.reduce<unknown>((bag, name) => (bag as Record<string, unknown> | undefined)?.[name], options);
    if (value === undefined || value === false) return [];
    return value === true ? [flagName(row)] : [flagName(row), String(value)];
  });
}

/** A command line that runs `mayfly` with these arguments in the user's shell, from any folder. */
export const mayflyCommand = (words: readonly string[]): string => shellWords([...launcher(), ...words]);

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

/** Quotes arguments for a POSIX shell. */
export const shellWords = (words: readonly string[]): string => words.map(shellWord).join(' ');

/**
 * Control characters are written by `printf`, so that the word can be copied into any shell: not all shells have `$'…'`. A shell
 * removes trailing newlines from a command's output, so words that end in one are only quoted.
 */
function shellWord(word: string): string {
  if (/^[\w./:@%+=,-]+$/.test(word)) return word;
  if (!/\p{C}/u.test(word) || word.endsWith('\n')) return quoted(word);
  return `"$(printf %b ${quoted(word.replaceAll('\\', '\\\\').replace(/\p{C}/gu, octal))})"`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const octal = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
