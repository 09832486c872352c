import type { SliceFields, SliceKind, SliceLabel, TrackName } from './slice.js';
import type { TraceFile } from './trace-file.js';

/** Names of which labels are kept. A process may have any number of kernels, one after the other. */
const MOST_NAMES = 1000;

const none: readonly number[] = [];

/** A track whose slices follow one another: what began before the last slice ended is cut there, and left out if nothing remains. */
export class Track {
  readonly #file: TraceFile;
  readonly #name: TrackName;
  readonly #labels = new Map<SliceKind, Map<string, SliceLabel>>();
  #endedMs = Number.NEGATIVE_INFINITY;

  constructor(file: TraceFile, name: TrackName, title: string) {
    this.#file = file;
    this.#name = name;
    file.track(name, title);
  }

  /**
   * @param numbers Those of its kind.
   * @param flow Number of the arrow that its kind has, from 1; 0 for none.
   */
  add(kind: SliceKind, name: string, beganMs: number, endedMs: number, numbers = none, flow = 0): void {
    this.#add(this.#label(kind, name), beganMs, endedMs, numbers, flow);
  }

  /** A slice with other fields than its kind's, or whose name is hardly used again. */
  describe(kind: SliceKind, name: string, beganMs: number, endedMs: number, fields?: SliceFields, flow = 0): void {
    this.#add({ track: this.#name, name, kind }, beganMs, endedMs, none, flow, fields);
  }

  #add(
    label: SliceLabel,
    beganMs: number,
    endedMs: number,
    numbers: readonly number[],
    flow: number,
    fields?: SliceFields,
  ): void {
    const from = Math.max(beganMs, this.#endedMs);
    if (from >= endedMs) return;
    this.#endedMs = endedMs;
    this.#file.slice({ label, beganMs: from, endedMs, numbers, flow, fields });
  }

  #label(kind: SliceKind, name: string): SliceLabel {
    let labels = this.#labels.get(kind);
    if (labels === undefined) {
      labels = new Map();
      this.#labels.set(kind, labels);
    }
    let label = labels.get(name);
    if (label === undefined) {
      label = { track: this.#name, name, kind };
      if (labels.size === MOST_NAMES) labels.clear();
      labels.set(name, label);
    }
    return label;
  }
}
