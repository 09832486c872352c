import { MayflyError } from '@mayfly/native';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'a folder',
  ENOTDIR: 'a path through something that is no folder',
  EEXIST: 'a file of that name',
  EROFS: 'a read-only file system',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'a full disk quota',
  EFBIG: 'a limit on file sizes',
  EMFILE: 'too many open files',
  ENXIO: 'a socket or a device that is not there',
};

/**
 * Says what the file system refused, in the form of all our errors: `ERR_FILE_NOT_FOUND` where nothing is there, `ERR_FILE`
 * for the rest. What is no error of the file system comes back as it is.
 *
 * @param expected What should have been possible, e.g. `a llama2.c checkpoint at model.bin`.
 */
export function fileError(expected: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !('syscall' in cause)) return cause;
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const reason = reasons[code] ?? message;
  return new MayflyError(code === 'ENOENT' ? 'ERR_FILE_NOT_FOUND' : 'ERR_FILE', `Expected ${expected}, got ${reason}`, {
    cause,
  });
}

/** Longer values are cut. */
const LONGEST = 80;

/** A value out of a file as an error quotes it: JSON, cut where it is long. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'none';
  // JSON has no word for these.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value too deep to be shown';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
