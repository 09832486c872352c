import type { SliceFields, SliceKind, SliceLabel, TrackName } from './slice.js';
import type { SliceBuffer } from './slice-buffer.js';

/** Where tracks put their slices. */
export interface SliceSink {
  process(pid: number, name: string): void;
  track(name: TrackName, title: string): void;
  /** A buffer with room for one more. */
  readonly room: SliceBuffer;
}

/** Names of which labels are kept. A process may have any number of kernels, one after the other. */
const MOST_NAMES = 1000;

/** A track whose slices follow one another: what began before the last slice ended is cut there, and left out if nothing remains. */
export class Track {
  readonly #sink: SliceSink;
  readonly #name: TrackName;
  readonly #labels = new Map<SliceKind, Map<string, SliceLabel>>();
  #endedMs = Number.NEGATIVE_INFINITY;

  constructor(sink: SliceSink, name: TrackName, title: string) {
    this.#sink = sink;
    this.#name = name;
    sink.track(name, title);
  }

  /**
   * @param first The first of its kind's numbers.
   * @param second The second.
   * @param flow Number of the arrow that its kind has, from 1; 0 for none.
   */
  add(kind: SliceKind, name: string, beganMs: number, endedMs: number, first = 0, second = 0, flow = 0): void {
    this.#add(this.#label(kind, name), beganMs, endedMs, first, second, flow);
  }

  /** A slice with other fields than its kind's, or whose name is hardly used again. */
  describe(kind: SliceKind, name: string, beganMs: number, endedMs: number, fields?: SliceFields, flow = 0): void {
    const added = this.#add({ track: this.#name, name, kind }, beganMs, endedMs, 0, 0, flow);
    if (added !== null && fields !== undefined) added.describe(fields);
  }

  /** Returns the buffer that has the slice; null where nothing remains of it. */
  #add(
    label: SliceLabel,
    beganMs: number,
    endedMs: number,
    first: number,
    second: number,
    flow: number,
  ): SliceBuffer | null {
    const from = Math.max(beganMs, this.#endedMs);
    if (from >= endedMs) return null;
    this.#endedMs = endedMs;
    const { room } = this.#sink;
    room.add(label, from, endedMs, first, second, flow);
    return room;
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
