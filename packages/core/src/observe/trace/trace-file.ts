import type { TrackName } from './slice.js';
import type { SliceBuffer } from './slice-buffer.js';

/** A format of traces. Slices come when they have ended, so that every slice in the file is closed. */
export interface TraceFile extends Disposable {
  process(pid: number, name: string): void;
  track(track: TrackName, name: string): void;
  /** Writes slices, whose tracks were named before, and hands everything to the system. */
  write(slices: SliceBuffer): void;
}
