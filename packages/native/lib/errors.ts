const brand: unique symbol = Symbol.for('mayfly.error');

/**
 * Base of every error that Mayfly raises. `code` is stable and documented in `docs/errors.md`; the message names what
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

/** An option or argument has the wrong type or range. */
export function invalidArgument(name: string, expected: string, actual: unknown): MayflyError {
  const shown = typeof actual === 'string' ? `\`${actual}\`` : String(actual);
  return new MayflyError('ERR_INVALID_ARGUMENT', `Expected ${name} to be ${expected}, got ${shown} (${typeof actual})`);
}

/** Makes what native code throws. The stack begins at the caller of the addon; line 0 means no place in a text. */
export function createNativeError(code: string, message: string, line: number, column: number): MayflyError {
  const error = code.startsWith('ERR_MIL_')
    ? new MilError(code, message, line, column)
    : new MayflyError(code, message);
  Error.captureStackTrace(error, createNativeError);
  return error;
}
