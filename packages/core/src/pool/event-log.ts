import { inspect } from 'node:util';
import { debug } from '../debug.js';
import type { DeferredEmitter } from '../deferred-emitter.js';
import { type PoolEvents, poolEventNames } from './types.js';

/** Logs every event of a pool where NODE_DEBUG names mayfly; otherwise the pool gets no listener. */
export function logEvents(pool: DeferredEmitter<PoolEvents>): void {
  if (!debug.enabled) return;
  for (const name of poolEventNames) {
    pool.on(name, (...[event]: unknown[]) => {
      debug(event === undefined ? name : `${name} ${inspect(event, { breakLength: Number.POSITIVE_INFINITY })}`);
    });
  }
}
