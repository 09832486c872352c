import { MayflyError } from '@mayfly/native';
import { bag } from '../check.js';
import { deadline } from './check-call.js';
import type { Collective } from './collective.js';
import { findLaunch } from './launcher.js';
import { SingleGroup } from './single-group.js';

/** Options of `openCollective`. */
export interface OpenCollectiveOptions {
  /** Milliseconds until an operation fails that other ranks do not take part in; Infinity for none. Default: 600,000. */
  readonly timeoutMs?: number | undefined;
}

const rules = { timeoutMs: deadline };

/**
 * Joins the group of ranks that a launcher started, such as `mpirun -n 4 node train.mjs`: the launcher is known by its environment.
 * Without one, the group has size 1. A process opens one group in its life.
 *
 * @throws `ERR_INVALID_ARGUMENT`; `ERR_COLLECTIVE` if the launcher's library cannot be loaded, finds another number of ranks, or if the process
 * has opened a group before.
 */
export async function openCollective(options: OpenCollectiveOptions = {}): Promise<Collective> {
  bag('openCollective', rules, options);
  const launch = findLaunch(process.env);
  if (launch === null || launch.size === 1) return new SingleGroup();
  throw new MayflyError(
    'ERR_COLLECTIVE',
    `Cannot join ${launch.size} ranks: groups of several ranks are not there yet`,
  );
}
