/** Something that a signal ends. */
export interface Abortable {
  /** The signal was aborted. Called once at most, and must not throw. */
  aborted(reason: unknown): void;
}

interface Watch {
  readonly abortables: Set<Abortable>;
  readonly listener: () => void;
}

/**
 * One listener for each signal, however much it ends: a thousand runs with one signal are no leak of listeners, which Node
 * would warn of from the eleventh on.
 */
const watches = new WeakMap<AbortSignal, Watch>();

/** From now on the signal ends it, too. */
export function watchAbort(signal: AbortSignal, abortable: Abortable): void {
  const watch = watches.get(signal) ?? begin(signal);
  watch.abortables.add(abortable);
}

/** It has ended: a caller's long-lived signal must not keep it in memory. Idempotent. */
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
