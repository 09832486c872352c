import { debuglog, inspect } from 'node:util';
import type { Pool } from './pool.js';
import { poolEventNames } from './types.js';

/** Writes to stderr if NODE_DEBUG names mayfly. Check `enabled` first where the arguments have to be made. */
export const debug = debuglog('mayfly');

/** Logs every event of a pool. Without NODE_DEBUG the pool gets no listener. */
export function logEvents(pool: Pool): void {
  if (!debug.enabled) return;
  for (const name of poolEventNames) {
    pool.on(name, (...[event]: unknown[]) => {
      debug(event === undefined ? name : `${name} ${inspect(event, { breakLength: Number.POSITIVE_INFINITY })}`);
    });
  }
}
