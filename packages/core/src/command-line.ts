import type { AnyOptionTable, OptionEntry } from './option-table.js';

/** An option of a command: where its value goes in the bag that the table describes. */
export interface CommandOption {
  readonly path: readonly string[];
  readonly row: OptionEntry<unknown>;
}

/** The rows that a command offers, those of bags within bags among them. */
export function* commandOptions(table: AnyOptionTable, path: readonly string[] = []): Generator<CommandOption> {
  for (const [name, row] of Object.entries(table)) {
    if (row.flag !== undefined) yield { path: [...path, name], row };
    if (row.members !== undefined) yield* commandOptions(row.members, [...path, name]);
  }
}

/** `--min-lr` for `--min-lr <x>`. */
export const flagName = ({ flag }: OptionEntry<unknown>): string => flag!.split(' ')[0]!;

/** The words that give a command the options of a bag. */
export function optionWords(table: AnyOptionTable, options: object): string[] {
  return [...commandOptions(table)].flatMap(({ path, row }) => {
    const value = path.reduce<unknown>((bag, name) => (bag as Record<string, unknown> | undefined)?.[name], options);
    if (value === undefined || value === false) return [];
    return value === true ? [flagName(row)] : [flagName(row), String(value)];
  });
}

/** Words as a POSIX shell reads them back. */
export const shellWords = (words: readonly string[]): string => words.map(shellWord).join(' ');

/** `$'…'` is POSIX's of 2024, which bash, zsh and ksh have always had: what a terminal does not show as it is can be copied. */
function shellWord(word: string): string {
  if (/^[\w./:@%+=,-]+$/.test(word)) return word;
  if (!/\p{C}/u.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const escaped = word
    .replace(/[\\']/g, '\\$&')
    .replace(/\p{C}/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
    );
  return `$'${escaped}'`;
}
