import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { MayflyError } from '@mayfly/native';

/** More is nothing that we wrote. */
const LARGEST_BYTES = 2 ** 24;

/**
 * A file's text; null where nothing is there. Does not wait for the other end of a FIFO, nor read from a device without end.
 *
 * @throws `ERR_FILE` for what is no file, or larger than 16 MiB; the system's error for the rest.
 */
export function readTextIfThere(path: string): string | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(fd);
    const isOther = !found.isFile() && !found.isDirectory();
    if (isOther || found.size > LARGEST_BYTES) {
      const what = isOther ? 'something else of that name' : `${found.size} bytes`;
      throw new MayflyError('ERR_FILE', `Expected a file of at most 16 MiB at ${path}, got ${what}`);
    }
    return readFileSync(fd, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
