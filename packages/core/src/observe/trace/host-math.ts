import { addon } from '@mayfly/native';

type Span = ReturnType<typeof addon.mathQueue.takeSpans>[number];

const listeners = new Set<(span: Span) => void>();

/** Times the calls of the host-math queue for a listener, which gets them when `deliverHostMath` is called. Returns the end of that. */
export function watchHostMath(listener: (span: Span) => void): () => void {
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
  for (const span of addon.mathQueue.takeSpans()) for (const listener of listeners) listener(span);
}
