import { isDeepStrictEqual } from 'node:util';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { bag, bagOf, type Rule, type Rules } from './check.js';

/** The properties of one option: a row of a table that library, command, checkpoints and help share. */
export interface OptionEntry<Value> {
  readonly rule: Rule<Value>;
  /** Value of an option that is left out. Without it (and without `derive`) the option stays undefined, or is `required`. */
  readonly default?: Value;
  /** Computes a default from other options; a resumed run computes it again. */
  readonly derive?: (options: Readonly<Record<string, unknown>>) => Value | undefined;
  readonly required?: true;
  /** The default's description in `--help`, if it differs from `default`. */
  readonly defaultText?: string;
  /** The flag in commander's form: `--min-lr <x>`. Without it, only the library has the option. */
  readonly flag?: string;
  /** The text of `--help`; required with `flag`. */
  readonly help?: string;
  /** The flag may be given several times: the value is a list. */
  readonly repeats?: boolean;
  /** The heading of `--help` that it is listed under. */
  readonly group?: string;
  /** Kept in a checkpoint, so that a resumed run has it again. */
  readonly saved?: true;
  /** A resumed run may not change it. */
  readonly fixed?: true;
  /** Not saved, and yet the same on all ranks of a run; what is saved is, too. */
  readonly agreed?: true;
  /** The rows of an option whose value is a bag of options. */
  readonly members?: Readonly<Record<string, OptionEntry<unknown>>>;
}

export type OptionTable<Options> = {
  readonly [Name in keyof Options]-?: OptionEntry<Exclude<Options[Name], undefined>>;
};

/** A table whose names do not matter. */
export type AnyOptionTable = Readonly<Record<string, OptionEntry<unknown>>>;

/** Where an option's value comes from: the caller, the run that is resumed, the table, or other options (or the model). */
export type OptionOrigin = 'given' | 'resumed' | 'default' | 'derived';

/** The origin of each option that has a value. */
export type OptionOrigins<Options> = { readonly [Name in keyof Options]?: OptionOrigin };

/** The part of a row that makes an option a bag with a table of its own. */
export function nested<Options>(
  members: OptionTable<Options>,
): Pick<OptionEntry<Partial<Options>>, 'rule' | 'members'> {
  const table = members as AnyOptionTable;
  return { rule: bagOf(rulesOf(table)) as Rule<Partial<Options>>, members: table };
}

/** The options that a table resolves to: those with a default, and required ones, have a value. */
export type Filled<Table> = {
  readonly [Name in keyof Table]:
    | (Table[Name] extends { readonly rule: Rule<infer Value> } ? Value : never)
    | (Table[Name] extends { readonly default: unknown } | { readonly required: true } | { readonly derive: unknown }
        ? never
        : undefined);
};

/** The defaults alone, of a table without required options. */
export const defaultsOf = <Table extends AnyOptionTable>(table: Table): Filled<Table> =>
  resolveOptions('', table, {}).options;

/** Checks options without filling in anything. */
export const checkOptions = <Table extends AnyOptionTable>(
  name: string,
  table: Table,
  given: unknown,
): Partial<Filled<Table>> => bag(name, rulesOf(table), given) as Partial<Filled<Table>>;

export interface ResolveSettings {
  readonly prefix?: string;
  readonly resumed?: object | undefined;
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/**
 * Checks options and fills in missing ones: with the values of the resumed run, then with defaults.
 *
 * @param name The function or option that takes these options, for errors.
 * @param prefix Prefix of option names in errors, e.g. `budget.`.
 * @param resumed Values that a checkpoint stores.
 * @param defaults Defaults of this machine or device, which override the table's.
 */
export function resolveOptions<Table extends AnyOptionTable>(
  name: string,
  table: Table,
  given: unknown,
  { prefix = '', resumed, defaults = {} }: ResolveSettings = {},
): { readonly options: Filled<Table>; readonly origins: OptionOrigins<Table> } {
  const rules = rulesOf(table);
  const own: Record<string, unknown> = bag(name, rules, given, prefix);
  const kept: Record<string, unknown> = bag('the run that is resumed', rules, resumed, prefix);
  const options: Record<string, unknown> = {};
  const origins: Record<string, OptionOrigin> = {};
  const isResumed = Object.keys(kept).length > 0;
  const set = (key: string, value: unknown, origin: OptionOrigin) => {
    options[key] = value;
    if (value !== undefined) origins[key] = origin;
  };
  for (const [key, row] of Object.entries(table)) {
    // What a run was begun without has its default.
    const before = isResumed ? (kept[key] ?? row.default) : undefined;
    if (row.fixed && own[key] !== undefined && before !== undefined && !isDeepStrictEqual(own[key], before)) {
      throw invalidArgument(`${prefix}${key}`, `${shown(before)} as in the run that is resumed`, own[key]);
    }
    if (own[key] !== undefined) set(key, own[key], 'given');
    else if (kept[key] !== undefined) set(key, kept[key], 'resumed');
    else set(key, defaults[key] ?? row.default, 'default');
    if (row.required && options[key] === undefined) throw requiredOption(`${prefix}${key}`);
  }
  for (const [key, row] of Object.entries(table)) {
    if (row.derive !== undefined && options[key] === undefined) set(key, row.derive(options), 'derived');
  }
  return { options: options as Filled<Table>, origins: origins as OptionOrigins<Table> };
}

const shown = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

const requiredOption = (name: string) =>
  new MayflyError('ERR_INVALID_ARGUMENT', `Expected ${name} to be given, got nothing`);

/** The rules of a table, by option. */
export function rulesOf(table: AnyOptionTable): Rules {
  return Object.fromEntries(Object.entries(table).map(([key, { rule }]) => [key, rule]));
}
