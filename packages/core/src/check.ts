import { inspect } from 'node:util';
import { invalidArgument, MayflyError, mostSimilar } from '@mayfly/native';

/** The valid values of an option, given as a value in a program or as text on a command line or in a file. */
export interface Rule<Value> {
  /**
   * Returns a valid value.
   *
   * @throws `ERR_INVALID_ARGUMENT`, which calls the value `name`.
   */
  check(name: string, value: unknown): Value;
  /** Returns the value that a text denotes. Throws as `check` does. */
  read(name: string, text: string): Value;
  /** All valid values, where they are a few words. */
  readonly choices?: readonly string[];
}

/** A rule that consists of two functions. */
export interface SimpleRule<Value> extends Rule<Value> {
  /** For an invalid value, completes `Expected X to be …`; null for a valid one. */
  readonly refusal: (value: unknown) => string | null;
  /** The value that a text denotes; for an invalid text, a value that `refusal` refuses. */
  readonly parse: (text: string) => unknown;
}

/** A rule from its two parts. */
export function rule<Value>(
  refusal: (value: unknown) => string | null,
  parse: (text: string) => unknown,
): SimpleRule<Value> {
  const check = (name: string, value: unknown, shown: unknown): Value => {
    const expected = refusal(value);
    if (expected === null) return value as Value;
    throw invalidArgument(name, expected, shown);
  };
  return {
    ...{ refusal, parse },
    check: (name, value) => check(name, value, value),
    read: (name, text) => check(name, parse(text), text),
  };
}

/** The longest delay of Node's timers, 24.8 days. Longer delays are taken as 1 ms. */
export const LONGEST_MS = 2 ** 31 - 1;

/** A whole number from `least` to `most`, both included. Its text may be `1e3`. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): SimpleRule<number> {
  const refusal = (value: unknown): string | null => {
    if (!Number.isSafeInteger(value) || (value as number) < least) return `a whole number from ${least} up`;
    return (value as number) <= most ? null : `a whole number from ${least} to ${most}`;
  };
  return rule(refusal, decimal);
}

/** @param range Completes `a number …`. */
export const number = (range: string, inRange: (value: number) => boolean): Rule<number> =>
  rule((value) => (isFiniteNumber(value) && inRange(value) ? null : `a number ${range}`), decimal);

/** A number from `least` up, or Infinity, written `Infinity`. */
export const limit = (least: number): Rule<number> =>
  rule(
    (value) => (typeof value === 'number' && value >= least ? null : `a number from ${least} up`),
    decimalOrInfinity,
  );

/** Milliseconds that a timer waits; with `orNever` also Infinity. */
export function milliseconds(least: number, { most = LONGEST_MS, orNever = false } = {}): Rule<number> {
  const expected = `milliseconds from ${least} to ${most}${orNever ? ', or Infinity' : ''}`;
  const right = (value: unknown) =>
    typeof value === 'number' && ((value >= least && value <= most) || (orNever && value === Number.POSITIVE_INFINITY));
  return rule((value) => (right(value) ? null : expected), decimalOrInfinity);
}

/** A name or a path: not empty, and without NUL, which would end a path. */
export const text: SimpleRule<string> = rule((value) => {
  if (typeof value !== 'string' || value === '') return 'a name or path';
  return value.includes('\0') ? 'a name or path without NUL characters' : null;
}, String);

/** Any text, even an empty one. */
export const anyText: Rule<string> = rule((value) => (typeof value === 'string' ? null : 'text'), String);

export const oneOf = <Choice extends string>(...choices: readonly Choice[]): Rule<Choice> => ({
  ...rule<Choice>((value) => (choices.some((choice) => choice === value) ? null : choices.join(' or ')), String),
  choices,
});

export const flag: Rule<boolean> = rule(
  (value) => (typeof value === 'boolean' ? null : 'true or false'),
  (text) => (text === 'true' ? true : text === 'false' ? false : text),
);

/** A number, or one word. */
export const numberOr = <Word extends string>(
  word: Word,
  range: string,
  inRange: (value: number) => boolean,
): Rule<number | Word> =>
  rule(
    (value) => (value === word || (isFiniteNumber(value) && inRange(value)) ? null : `a number ${range}, or ${word}`),
    (given) => (given === word ? word : decimal(given)),
  );

/** Two numbers, written with a comma between them. */
export const pair = (range: string, inRange: (value: number) => boolean): Rule<readonly [number, number]> =>
  rule(
    (value) => {
      const right =
        Array.isArray(value) && value.length === 2 && value.every((each) => isFiniteNumber(each) && inRange(each));
      return right ? null : `two numbers ${range}`;
    },
    (given) => given.split(',').map((part) => decimal(part.trim())),
  );

/** A range of whole numbers, written `A:B`: from A (included) to B (not included). */
export const range: Rule<readonly [number, number]> = rule(
  (value) => {
    const right =
      Array.isArray(value) &&
      value.length === 2 &&
      value.every(Number.isSafeInteger) &&
      value[0] >= 0 &&
      value[0] < value[1];
    return right ? null : 'a range A:B with 0 ≤ A < B';
  },
  (given) => (/^\d+:\d+$/.test(given) ? given.split(':').map(Number) : given),
);

export const abortSignal: Rule<AbortSignal> = rule(
  (value) => (value instanceof EventTarget && 'aborted' in value ? null : 'an AbortSignal'),
  String,
);

/** A function; no text denotes one. */
export const callback = <Type>(): Rule<Type> =>
  rule((value) => (typeof value === 'function' ? null : 'a function'), String);

/** An object, which its user checks further; no text denotes one. */
export const object = <Type>(): Rule<Type> =>
  rule((value) => (typeof value === 'object' && value !== null ? null : 'an object'), String);

/** Environment variables: `process.env`, or an object like it; no text denotes one. */
export const environment: Rule<Readonly<Record<string, string | undefined>>> = rule((value) => {
  const expected = 'an object of environment variables, whose values are texts without NUL characters';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return expected;
  const right = Object.entries(value).every(
    ([name, of]) => /^[^=\0]+$/.test(name) && (of === undefined || (typeof of === 'string' && !of.includes('\0'))),
  );
  return right ? null : expected;
}, String);

/** A list of texts without NUL characters; no text denotes one. */
export const texts: Rule<readonly string[]> = rule((value) => {
  const right = Array.isArray(value) && value.every((each) => typeof each === 'string' && !each.includes('\0'));
  return right ? null : 'a list of texts without NUL characters';
}, String);

/** An instance of a class. */
export const instance = <Type>(type: abstract new (...args: never[]) => Type, expected: string): Rule<Type> =>
  rule((value) => (value instanceof type ? null : expected), String);

/** Rules, by the names of their options. */
export type Rules = Readonly<Record<string, Rule<unknown>>>;

/** Valid options, without undefined ones. */
export type Checked<Of extends Rules> = {
  readonly [Name in keyof Of]?: Of[Name] extends Rule<infer Value> ? Value : never;
};

/**
 * Checks options. Each property is read once.
 *
 * @param name Whose options they are, e.g. `createPool`; or of which option, e.g. `budget`.
 * @param prefix Of the names in errors, e.g. `budget.`.
 * @throws `ERR_INVALID_ARGUMENT` for a value that is no plain object, a name without a rule, a getter that throws, and a value that its rule refuses.
 */
export function bag<Of extends Rules>(name: string, rules: Of, given: unknown, prefix = ''): Checked<Of> {
  if (given === undefined) return {};
  const checked: Record<string, unknown> = {};
  for (const [key, value] of entriesOf(name, given)) {
    if (!Object.hasOwn(rules, key)) throw unknownOption(name, key, Object.keys(rules));
    if (value !== undefined) checked[key] = rules[key]!.check(`${prefix}${key}`, value);
  }
  return checked as Checked<Of>;
}

/** An option whose value is a bag of options. Its text is JSON. */
export const bagOf = <Of extends Rules>(rules: Of): Rule<Checked<Of>> => ({
  check: (name, value) => bag(name, rules, value, `${name}.`),
  read(name, given) {
    try {
      return this.check(name, JSON.parse(given));
    } catch (error) {
      throw error instanceof SyntaxError ? invalidArgument(name, 'an object of options in JSON', given) : error;
    }
  },
});

function entriesOf(name: string, given: unknown): [string, unknown][] {
  try {
    if (isPlainObject(given)) return Reflect.ownKeys(given).map((key) => [String(key), given[key]]);
  } catch (cause) {
    throw new MayflyError(
      'ERR_INVALID_ARGUMENT',
      `Expected the options of ${name} to be readable, got an exception: ${message(cause)}`,
      {
        cause,
      },
    );
  }
  throw invalidArgument(`the options of ${name}`, 'a plain object', given);
}

/** A plain object of any realm. Options on a prototype would be missed, so other prototypes are refused. */
function isPlainObject(value: unknown): value is Record<string | symbol, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function unknownOption(name: string, key: string, known: readonly string[]): MayflyError {
  const similar = mostSimilar(key, known);
  const hint = similar === null ? '' : ` (Did you mean ${similar}?)`;
  const shown = inspect(key, { maxStringLength: 100 }).slice(1, -1);
  return new MayflyError('ERR_INVALID_ARGUMENT', `Expected a known option of ${name}, got \`${shown}\`${hint}`);
}

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value);

/** A decimal number such as `3e-4`; NaN for any other text. */
export function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

const decimalOrInfinity = (text: string): number => (text === 'Infinity' ? Number.POSITIVE_INFINITY : decimal(text));

const message = (error: unknown): string => (error instanceof Error ? error.message : inspect(error));
