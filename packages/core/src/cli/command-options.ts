import { type Command, Option } from 'commander';
import { flag as flagRule, oneOf, text } from '../check.js';
import { commandOptions } from '../command-line.js';
import { type MpiName, mpiNames } from '../launch/mpi.js';
import type { AnyOptionTable, OptionEntry } from '../option-table.js';

/** The row of `--json`, which every command has. */
export const jsonOption = (help: string): OptionEntry<boolean> => ({
  rule: flagRule,
  default: false,
  flag: '--json',
  help,
});

/** The row of a chip's name. */
export const chipOption = {
  ...{ rule: text, default: 'm4', flag: '--chip <name>' },
  help: 'chip by name, or a profile FILE.json',
};

/** The row of the MPI whose launcher starts ranks. */
export const mpiOption: OptionEntry<MpiName> = {
  ...{ rule: oneOf(...mpiNames), defaultText: 'that of the first mpirun on the path', flag: '--mpi <name>' },
  help: 'openmpi or mpich',
};

export interface JsonFlag {
  readonly json?: boolean;
}

/** Values that commander has read, by the camelCase names of their flags. */
export type CommandFlags = Readonly<Record<string, unknown>>;

/**
 * Adds the options of a table to a command. Defaults are shown in the help but not set: the library fills them in, since a resumed run
 * has its own.
 */
export function addOptions(command: Command, table: AnyOptionTable): Command {
  for (const { row } of commandOptions(table)) command.addOption(commanderOption(row));
  return command;
}

/** The options of the table, from the values that commander has read. */
export function optionsFrom<Options>(table: AnyOptionTable, flags: CommandFlags): Options {
  const options: Record<string, unknown> = {};
  for (const { path, row } of commandOptions(table)) {
    const value = flags[new Option(row.flag!).attributeName()];
    if (value === undefined) continue;
    let bag = options;
    for (const name of path.slice(0, -1)) {
      bag[name] ??= {};
      bag = bag[name] as Record<string, unknown>;
    }
    bag[path.at(-1)!] = value;
  }
  return options as Options;
}

/** Options of one table, and the others. */
export function splitOptions<Own, Others>(table: AnyOptionTable, options: Own & Others): [Own, Others] {
  const [own, others]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  for (const [name, value] of Object.entries(options as object)) (name in table ? own : others)[name] = value;
  return [own as Own, others as Others];
}

function commanderOption(row: OptionEntry<unknown>): Option {
  const { rule, flag, help = '', group } = row;
  const fallback = defaultText(row);
  const made = new Option(flag!, fallback === undefined ? help : `${help} (default: ${fallback})`);
  if (made.required) {
    made.argParser((given: string, before: unknown) => {
      const value = rule.read(made.long!, given);
      return row.repeats ? [...((before as unknown[] | undefined) ?? []), value] : value;
    });
  }
  if (group !== undefined) made.helpGroup(group);
  return made;
}

/** The default as help and reference show it; undefined where an option that is left out has no value. */
export function defaultText({ defaultText: text, default: value }: OptionEntry<unknown>): string | undefined {
  if (text !== undefined) return text;
  if (value === undefined || value === false) return undefined;
  if (value === Number.POSITIVE_INFINITY) return 'never';
  return value === '' ? 'empty' : String(value);
}
