import { inspect } from 'node:util';

const brand: unique symbol = Symbol.for('mayfly.error');

/**
 * Base of every error that Mayfly raises. `code` is stable and documented in `docs/reference/errors.md`; the message names what
 * was expected, what came and where.
 */
export class MayflyError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** Marks instances, so that `isMayflyError` knows those of another copy of this package, too. */
  get [brand](): true {
    return true;
  }
}

/** Whether an error is Mayfly's own; unlike `instanceof`, across copies of the package. */
export const isMayflyError = (error: unknown): error is MayflyError => error instanceof Error && brand in error;

/** A MIL program was rejected; `line` and `column` count from 1 and are 0 where the text has no such place. */
export class MilError extends MayflyError {
  readonly line: number;
  readonly column: number;

  constructor(code: string, message: string, line: number, column: number, options?: ErrorOptions) {
    super(code, message, options);
    this.line = line;
    this.column = column;
  }
}

/** A budget that a device can exhaust; `docs/internals/lifecycle.md` describes the pool's reaction. */
export type DeviceLimit = 'compilations' | 'livePrograms';

/** `ERR_DEVICE_LIMIT`: this process has reached a limit of the device. */
export class DeviceLimitError extends MayflyError {
  /** The exhausted budget: compilations, or slots for loaded programs. Null if the device does not report it. */
  readonly limit: DeviceLimit | null;

  constructor(message: string, limit: DeviceLimit | null, options?: ErrorOptions) {
    super('ERR_DEVICE_LIMIT', message, options);
    this.limit = limit;
  }
}

/** An option or argument has the wrong type or range. */
export function invalidArgument(name: string, expected: string, actual: unknown): MayflyError {
  return new MayflyError('ERR_INVALID_ARGUMENT', `Expected ${name} to be ${expected}, got ${shown(actual)}`);
}

/** Any value in one short line, without calling its methods. Strings are in backticks, to distinguish `4` from 4. */
function shown(value: unknown): string {
  if (typeof value === 'string')
    return `\`${value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value}\``;
  return inspect(value, {
    ...{ depth: 0, breakLength: Number.POSITIVE_INFINITY, compact: true, customInspect: false },
    ...{ maxArrayLength: 8, maxStringLength: 40 },
  });
}

const LONGEST_SHOWN = 200;

/** Properties of an error of the addon beside code and message. */
export interface ErrorDetails {
  /** Line 0 means no place in a text. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly limit?: DeviceLimit | null | undefined;
}

/** An error of the class that its code says. */
export function errorOf(code: string, message: string, { line = 0, column = 0, limit }: ErrorDetails): MayflyError {
  if (code.startsWith('ERR_MIL_')) return new MilError(code, message, line, column);
  return code === 'ERR_DEVICE_LIMIT' ? new DeviceLimitError(message, limit ?? null) : new MayflyError(code, message);
}

/** Creates the error that native code throws. The stack begins at the caller of the addon. An empty `limit` is an unknown one. */
export function createNativeError(
  code: string,
  message: string,
  line: number,
  column: number,
  limit: DeviceLimit | '',
): MayflyError {
  const error = errorOf(code, message, { line, column, limit: limit === '' ? null : limit });
  Error.captureStackTrace(error, createNativeError);
  return error;
}
