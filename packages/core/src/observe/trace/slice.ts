/** A sequence of slices that do not overlap, shown in one line: a thread, or something like one. */
export interface TrackName {
  readonly pid: number;
  /** Within the process, from 1. */
  readonly tid: number;
}

export type SliceFields = Readonly<Record<string, string | number | boolean | null>>;

/** What slices of one kind have in common. Each is one constant: kinds are compared by identity. */
export interface SliceKind {
  readonly category: string;
  /** Names of whole numbers from 0 to 2⁵³ − 1 that each slice has. */
  readonly numbers?: readonly string[];
  /** Whether an arrow begins or ends at a slice. The other end has the same number. */
  readonly flow?: 'from' | 'to';
}

/** All of a slice but its numbers and times. Many slices share one. */
export interface SliceLabel {
  readonly track: TrackName;
  readonly name: string;
  readonly kind: SliceKind;
}

/** Times are milliseconds of `performance.now()`. */
export interface Slice {
  readonly label: SliceLabel;
  readonly beganMs: number;
  readonly endedMs: number;
  /** Those of its kind, in the order of their names. */
  readonly numbers: readonly number[];
  /** Number of the arrow that its kind has, from 1; 0 for none. */
  readonly flow: number;
  /** Beside those of its kind. */
  readonly fields?: SliceFields | undefined;
}
