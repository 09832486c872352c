import { readSync } from 'node:fs';

/** Node's limit for one read is 2 GiB − 1. */
const LARGEST_READ = 2 ** 30;

/** Reads until `target` is full or the file ends. Returns the bytes read. */
export function readFully(fd: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, Math.min(target.length - done, LARGEST_READ), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
