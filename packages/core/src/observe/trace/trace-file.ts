/** A sequence of slices that do not overlap, shown in one line: a thread, or something like one. */
export interface TrackName {
  readonly pid: number;
  /** Within the process, from 1. */
  readonly tid: number;
}

export type SliceArguments = Readonly<Record<string, string | number | boolean | null>>;

export interface Slice extends TrackName {
  readonly name: string;
  readonly category: string;
  /** Milliseconds of `performance.now()`. */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly fields?: SliceArguments | undefined;
  /** Connects this slice, where something begins, with the one that has the same number as `flowTo`. */
  readonly flowFrom?: number | undefined;
  readonly flowTo?: number | undefined;
}

/** A format of traces. Slices come when they have ended, so that every slice in the file is closed. */
export interface TraceFile extends Disposable {
  process(pid: number, name: string): void;
  track(track: TrackName, name: string): void;
  slice(slice: Slice): void;
}
