import { type InputPromise, invalidArgument } from '@mayfly/native';
import { abortSignal, whole } from '../check.js';
import type { CallOptions, RunOptions } from './types.js';

const count = whole(0);

/** Errors: `ERR_INVALID_ARGUMENT`. */
export function signalOf(options: CallOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  return signal === undefined ? undefined : abortSignal.check('signal', signal);
}

/** Errors: `ERR_INVALID_ARGUMENT`. */
export function promiseOf(options: RunOptions | undefined): InputPromise | undefined {
  const promise = options?.promise;
  if (promise === undefined) return undefined;
  if (typeof promise !== 'object' || promise === null) throw invalidArgument('promise', 'an object', promise);
  count.check('promise.freshColumns', promise.freshColumns);
  count.check('promise.generation', promise.generation);
  return promise;
}
