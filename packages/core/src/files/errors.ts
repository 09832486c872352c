import { getSystemErrorMap } from 'node:util';
import { MayflyError } from '@mayfly/native';

/**
 * The error for something that the file system refused: `ERR_FILE_NOT_FOUND` if nothing has the name, otherwise `ERR_FILE`. An
 * error of another origin is returned unchanged.
 *
 * @param action Completes `Cannot …`, for example `read a checkpoint at runs/book`.
 */
export function fileError(action: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !('syscall' in cause)) return cause;
  const { code, errno = 0, message } = cause as NodeJS.ErrnoException;
  const [, reason = message] = getSystemErrorMap().get(errno) ?? [];
  return new MayflyError(code === 'ENOENT' ? 'ERR_FILE_NOT_FOUND' : 'ERR_FILE', `Cannot ${action}: ${reason}`, {
    cause,
  });
}

/** Longer values are cut. */
const LONGEST = 80;

/** Quotes a value from a file in an error: as JSON, cut after 80 characters. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'none';
  // JSON has no notation for infinities and NaN.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that is nested too deeply';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
