import type { WorkerState } from '../../pool/types.js';
import type { SliceFields, SliceKind } from './slice.js';
import type { TraceFile } from './trace-file.js';
import { Track } from './track.js';

const stateKind: SliceKind = { category: 'worker' };

/** The tracks of a worker's process: its states one after the other, and what its device did. */
export class WorkerTracks {
  readonly device: Track;
  readonly #states: Track;
  #state: WorkerState | null = null;
  #sinceMs = 0;

  constructor(file: TraceFile, pid: number, worker: number) {
    file.process(pid, `worker ${worker}`);
    this.#states = new Track(file, { pid, tid: 1 }, 'states');
    this.device = new Track(file, { pid, tid: 2 }, 'device');
  }

  /** @param fields Of the state that ends. */
  become(state: WorkerState | null, atMs: number, fields?: SliceFields): void {
    if (this.#state !== null) this.#states.describe(stateKind, this.#state, this.#sinceMs, atMs, fields);
    this.#state = state;
    this.#sinceMs = atMs;
  }
}
