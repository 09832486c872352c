import { launchedBy } from '../collective/launched.js';
import { findLaunch } from '../collective/launcher.js';

/**
 * What a line on stderr begins with, so that it can be told from those of other ranks, which `mpirun` writes to the same stream: `rank 1: `.
 * Empty where there is one process, and under `mayfly launch`, which names the ranks itself.
 */
export function rankPrefix(env: NodeJS.ProcessEnv = process.env): string {
  if (launchedBy(env) !== null) return '';
  try {
    const launch = findLaunch(env);
    return launch === null || launch.size === 1 ? '' : `rank ${launch.rank}: `;
  } catch {
    // The command itself refuses an environment that makes no sense.
    return '';
  }
}
