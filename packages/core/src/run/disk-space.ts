import { statfs } from 'node:fs/promises';
import { MayflyError } from '@mayfly/native';

/**
 * Checks that the file system of a folder has `bytes` free.
 *
 * @throws `ERR_DISK_SPACE` with both amounts.
 */
export async function assertDiskSpace(folder: string, bytes: number, purpose: string): Promise<void> {
  const { bsize, blocks, bavail } = await statfs(folder);
  const free = bsize * bavail;
  // Some file systems report 0 for everything.
  if (blocks === 0 || free >= bytes) return;
  throw new MayflyError(
    'ERR_DISK_SPACE',
    `Expected ${megabytes(bytes)} free for ${purpose} in ${folder}, got ${megabytes(free)}: free some, or choose another folder`,
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
