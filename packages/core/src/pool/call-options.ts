import { type InputReuse, invalidArgument } from '@mayfly/native';
import { abortSignal, whole } from '../check.js';
import type { CallOptions, RunOptions } from './types.js';

const count = whole(0);

/** Errors: `ERR_INVALID_ARGUMENT`. */
export function signalOf(options: CallOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  return signal === undefined ? undefined : abortSignal.check('signal', signal);
}

/** Errors: `ERR_INVALID_ARGUMENT`. */
export function reuseOf(options: RunOptions | undefined): InputReuse | undefined {
  const reuse = options?.reuse;
  if (reuse === undefined) return undefined;
  if (typeof reuse !== 'object' || reuse === null) throw invalidArgument('reuse', 'an object', reuse);
  count.check('reuse.freshColumns', reuse.freshColumns);
  count.check('reuse.generation', reuse.generation);
  return reuse;
}
