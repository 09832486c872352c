import type { WorkerState } from '../../pool/types.js';
import type { SliceFields, SliceKind } from './slice.js';
import { type SliceSink, Track } from './track.js';

const stateKind: SliceKind = { category: 'worker' };

/** The tracks of a worker's process: its states one after the other, and what its device did. */
export class WorkerTracks {
  readonly device: Track;
  readonly #states: Track;
  #state: WorkerState | null = null;
  #sinceMs = 0;

  constructor(sink: SliceSink, pid: number, worker: number) {
    sink.process(pid, `worker ${worker}`);
    this.#states = new Track(sink, { pid, tid: 1 }, 'states');
    this.device = new Track(sink, { pid, tid: 2 }, 'device');
  }

  /** @param fields Of the state that ends. */
  become(state: WorkerState | null, fields?: SliceFields): void {
    const now = performance.now();
    if (this.#state !== null) this.#states.describe(stateKind, this.#state, this.#sinceMs, now, fields);
    this.#state = state;
    this.#sinceMs = now;
  }
}
