import { addon } from '@mayfly/native';

/** Gets a call of the host-math queue, with its times in nanoseconds of `process.hrtime`. */
type Listener = (name: string, began: number, ended: number) => void;

const listeners = new Set<Listener>();

/** Times the calls of the host-math queue for a listener, which gets them when `deliverHostMath` is called. Returns the end of that. */
export function watchHostMath(listener: Listener): () => void {
  deliverHostMath();
  listeners.add(listener);
  addon.mathQueue.time(true);
  return () => {
    deliverHostMath();
    listeners.delete(listener);
    if (listeners.size === 0) addon.mathQueue.time(false);
  };
}

/** Hands over the calls that have been settled since the last time. */
export function deliverHostMath(): void {
  const { names, spans } = addon.mathQueue.takeSpans();
  for (const listener of listeners) {
    for (let at = 0; at < spans.length; at += 3) listener(names[spans[at]!]!, spans[at + 1]!, spans[at + 2]!);
  }
}
