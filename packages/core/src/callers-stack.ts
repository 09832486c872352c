import { MayflyError } from '@mayfly/native';
import { debug } from './debug.js';

/** Errors whose stack was replaced. One error may end several calls: it keeps the stack of the first. */
const placed = new WeakSet<MayflyError>();

/**
 * A promise that rejects with the error, for a promise of a caller to be resolved with. The stack of the error becomes that of the calls
 * which await the caller's promise. V8 knows them only while a promise that they wait for is being settled, so a call that
 * succeeds costs nothing.
 */
export async function failedCall(error: unknown): Promise<never> {
  // In the first turn the caller's promise adopts this one.
  await null;
  await null;
  throw withCallersStack(error, failedCall);
}

/**
 * Replaces the stack of an error, which ends in Mayfly's own code, by that of the calls that await `current`.
 * A stack without such a call stays as it is.
 *
 * @param current The async function that is running.
 */
export function withCallersStack(error: unknown, current: (...args: never[]) => Promise<unknown>): unknown {
  if (!(error instanceof MayflyError) || placed.has(error)) return error;
  const { stack } = error;
  debug('a call fails: %s', stack);
  Error.captureStackTrace(error, current);
  if (!/\n {4}at /.test(error.stack ?? '')) error.stack = stack ?? '';
  else placed.add(error);
  return error;
}
