import { closeSync, constants, openSync, readFileSync } from 'node:fs';

/** A file's text; null where nothing is there. Does not wait for the other end of a FIFO. */
export function readTextIfThere(path: string): string | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return readFileSync(fd, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
