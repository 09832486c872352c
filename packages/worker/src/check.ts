import { MayflyError } from '@mayfly/native';

/** Throws `ERR_PROTOCOL` if a received value is invalid. `at` is the value's path in the message. */
export type Check = (value: unknown, at: string) => void;

/** A message violates the protocol. */
export const protocolError = (expected: string, actual: string): MayflyError =>
  new MayflyError('ERR_PROTOCOL', `Expected ${expected}, got ${actual}`);

/** A value in few words: it may be anything, of any length. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `\`${value.length > 40 ? `${value.slice(0, 40)}…` : value}\``;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const expect = (holds: boolean, expected: string, value: unknown, at: string): void => {
  if (!holds) throw protocolError(`${at} to be ${expected}`, shown(value));
};

export const whole: Check = (value, at) =>
  expect(Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number from 0 up', value, at);

export const text: Check = (value, at) => expect(typeof value === 'string', 'a string', value, at);

export const errorCode: Check = (value, at) =>
  expect(typeof value === 'string' && /^ERR_[A-Z0-9_]{1,60}$/.test(value), 'a code of an error', value, at);

export const oneOf =
  (...choices: readonly unknown[]): Check =>
  (value, at) =>
    expect(choices.includes(value), choices.join(' or '), value, at);

export const optional =
  (check: Check): Check =>
  (value, at) => {
    if (value !== undefined) check(value, at);
  };

export const list =
  (check: Check, most = Number.MAX_SAFE_INTEGER): Check =>
  (value, at) => {
    expect(Array.isArray(value) && value.length <= most, `an array of at most ${most}`, value, at);
    for (const [index, item] of (value as unknown[]).entries()) check(item, `${at}[${index}]`);
  };

/** An object with these fields and no others. */
export const fields =
  <T extends object>(checks: { readonly [Name in keyof T]-?: Check }): Check =>
  (value, at) => {
    expect(typeof value === 'object' && value !== null && !Array.isArray(value), 'an object', value, at);
    const given = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(given))
      if (!Object.hasOwn(checks, name)) throw protocolError(`${at} to have no other fields`, shown(name));
    for (const [name, check] of Object.entries<Check>(checks)) check(given[name], `${at}.${name}`);
  };
