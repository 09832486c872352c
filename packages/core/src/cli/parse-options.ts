import { MayflyError } from '@mayfly/native';

/** Reads an option's text; `flag` names it in errors. Whether the value makes sense is for the receiver to say. */
export type Parse<Value> = (text: string, flag: string) => Value;

export const text: Parse<string> = (given, flag) => {
  if (given === '') throw unexpected(flag, 'a name or path', given);
  return given;
};

/** Text that may be empty. */
export const anyText: Parse<string> = (given) => given;

/** A whole number from `least` up, in decimal digits. */
export const whole =
  (least: number): Parse<number> =>
  (given, flag) => {
    const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw unexpected(flag, `a whole number from ${least} up`, given);
  };

/** A number in decimal, `3e-4` among them. */
export const decimal: Parse<number> = (given, flag) => {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given) && Number.isFinite(Number(given))) return Number(given);
  throw unexpected(flag, 'a number', given);
};

export const oneOf =
  <Choice extends string>(...choices: readonly Choice[]): Parse<Choice> =>
  (given, flag) => {
    const choice = choices.find((candidate) => candidate === given);
    if (choice !== undefined) return choice;
    throw unexpected(flag, choices.join(' or '), given);
  };

/** `0.9,0.95`. */
export const decimalPair: Parse<readonly [number, number]> = (given, flag) => {
  const parts = given.split(',');
  if (parts.length !== 2) throw unexpected(flag, 'two numbers with a comma between', given);
  return [decimal(parts[0]!.trim(), flag), decimal(parts[1]!.trim(), flag)];
};

/** `0:256`: from the first (included) to the second (not included). */
export const range: Parse<readonly [number, number]> = (given, flag) => {
  const [, first, end] = /^(\d+):(\d+)$/.exec(given) ?? [];
  if (first !== undefined && Number(first) < Number(end)) return [Number(first), Number(end)];
  throw unexpected(flag, 'a range A:B with A < B', given);
};

/** A number, or the word. */
export const decimalOr =
  <Word extends string>(word: Word): Parse<number | Word> =>
  (given, flag) => {
    if (given === word) return word;
    try {
      return decimal(given, flag);
    } catch {
      throw unexpected(flag, `a number or ${word}`, given);
    }
  };

function unexpected(flag: string, expected: string, given: string): MayflyError {
  return new MayflyError('ERR_INVALID_ARGUMENT', `Expected ${flag} to be ${expected}, got \`${given}\``);
}
