import { abortSignal } from './check.js';

/** A call that a signal ends. */
export interface Abortable {
  /** Called when the signal is aborted: once at most. Must not throw. */
  aborted(reason: unknown): void;
}

interface Watch {
  readonly abortables: Set<Abortable>;
  readonly listener: () => void;
}

/**
 * One listener for each signal, however many calls it ends: Node would warn of a leak from the eleventh listener on, and a
 * thousand runs may have one signal.
 */
const watches = new WeakMap<AbortSignal, Watch>();

/** Checks `options.signal`. Errors: `ERR_INVALID_ARGUMENT`. */
export function signalOf(options: { readonly signal?: AbortSignal | undefined } | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  return signal === undefined ? undefined : abortSignal.check('signal', signal);
}

/** Lets the signal end the call. */
export function watchAbort(signal: AbortSignal, abortable: Abortable): void {
  const watch = watches.get(signal) ?? begin(signal);
  watch.abortables.add(abortable);
}

/** Forgets a call that has settled, so that a long-lived signal does not keep it in memory. Idempotent. */
export function unwatchAbort(signal: AbortSignal, abortable: Abortable): void {
  const watch = watches.get(signal);
  if (watch === undefined || !watch.abortables.delete(abortable) || watch.abortables.size > 0) return;
  watches.delete(signal);
  signal.removeEventListener('abort', watch.listener);
}

function begin(signal: AbortSignal): Watch {
  const abortables = new Set<Abortable>();
  const listener = () => {
    watches.delete(signal);
    for (const abortable of abortables) abortable.aborted(signal.reason);
  };
  const watch = { abortables, listener };
  signal.addEventListener('abort', listener, { once: true });
  watches.set(signal, watch);
  return watch;
}
