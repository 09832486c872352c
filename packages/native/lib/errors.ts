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
  readonly [brand] = true;
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

/** Wraps what the addon threw, so that the stack points at the JavaScript caller. */
export function nativeError(error: unknown): Error {
  if (!(error instanceof Error)) return new MayflyError('ERR_NATIVE', String(error));
  const { code, line, column } = error as Error & { code?: string; line?: number; column?: number };
  if (code === undefined) return error;
  if (code.startsWith('ERR_MIL_')) return new MilError(code, error.message, line ?? 0, column ?? 0, { cause: error });
  return new MayflyError(code, error.message, { cause: error });
}
