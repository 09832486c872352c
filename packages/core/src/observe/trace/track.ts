import type { Slice, TraceFile, TrackName } from './trace-file.js';

/** A track whose slices follow one another: what began before the last slice ended is cut there, and left out if nothing remains. */
export class Track {
  readonly #file: TraceFile;
  readonly #name: TrackName;
  #endedMs = Number.NEGATIVE_INFINITY;

  constructor(file: TraceFile, name: TrackName, title: string) {
    this.#file = file;
    this.#name = name;
    file.track(name, title);
  }

  add(slice: Omit<Slice, keyof TrackName>): void {
    const beganMs = Math.max(slice.beganMs, this.#endedMs);
    if (beganMs >= slice.endedMs) return;
    this.#endedMs = slice.endedMs;
    this.#file.slice({ ...slice, ...this.#name, beganMs });
  }
}
