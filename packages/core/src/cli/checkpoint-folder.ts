import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listCheckpoints } from '../checkpoint/directory.js';
import { fileError } from '../data/file-error.js';
import { makeFolder } from '../files/make-folder.js';

/** Where a run writes its checkpoints: what the user said, the folder it is resumed from, or one of its own under `runs`. */
export async function checkpointFolder({
  out,
  resume,
}: {
  out?: string | undefined;
  resume?: string | undefined;
}): Promise<string> {
  if (out !== undefined) return out;
  if (resume === undefined) return join('runs', new Date().toISOString().replaceAll(':', '-'));
  const isFile = await stat(resume).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? dirname(resume) : resume;
}

/**
 * Finds out before hours of training whether the folder can be written to; warns where it holds checkpoints of a run that
 * is not resumed. Errors: `ERR_FILE`.
 */
export async function prepareFolder(path: string, resume: string | undefined): Promise<void> {
  try {
    makeFolder(path);
    await access(path, constants.W_OK);
    const [latest] = resume === undefined ? await listCheckpoints(path) : [];
    if (latest !== undefined) {
      process.emitWarning(`${path} holds another run's checkpoints: --resume goes on from the latest, ${latest.path}`);
    }
  } catch (error) {
    throw fileError(`to write checkpoints to the folder ${path}`, error);
  }
}
