import type { Collective } from '../collective/collective.js';
import { launchedBy } from '../collective/launched.js';
import { differentVersions } from '../collective/one-library.js';
import { openCollective } from '../collective/open-collective.js';
import { print } from '../observe/text.js';
import { isShared } from '../train/ranks.js';
import { errorLine, exitCodeOf } from './errors.js';
import { rankPrefix } from './rank-prefix.js';

/** Runs a command on all ranks that a launcher started, or in this process alone. Where it fails on one rank, all of them end. */
export async function onRanks(
  timeoutMs: number | undefined,
  run: (collective: Collective) => Promise<void>,
): Promise<void> {
  await using collective = await openCollective({ timeoutMs });
  try {
    if (collective.size > 1) {
      const warning = await differentVersions(collective);
      if (warning !== null && collective.rank === 0)
        process.emitWarning(warning, { type: 'MayflyWarning', code: 'MAYFLY_MPI_VERSIONS' });
    }
    await run(collective);
  } catch (error) {
    // The other ranks would wait for this one, and a rank that hangs would keep the launcher.
    if (collective.size > 1 && !isShared(error)) {
      print(process.stderr, `${rankPrefix()}${errorLine(error)}\n`);
      // Under `mayfly launch` the process that passes on the lines reads them before it ends the others; `abort` would not wait for it.
      if (launchedBy(process.env) !== null) process.exit(exitCodeOf(error));
      collective.abort(exitCodeOf(error));
    }
    // The first rank reports it.
    if (collective.rank === 0) throw error;
    process.exitCode = exitCodeOf(error);
  }
}
