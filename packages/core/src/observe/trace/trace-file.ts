import type { Slice, TrackName } from './slice.js';

/** A format of traces. Slices come when they have ended, so that every slice in the file is closed. */
export interface TraceFile extends Disposable {
  process(pid: number, name: string): void;
  track(track: TrackName, name: string): void;
  /** Adds a slice, whose track was named before. */
  slice(slice: Slice): void;
  /** Hands everything to the system. */
  flush(): void;
}
