import type { WorkerState } from '../../pool/types.js';
import type { SliceArguments, TraceFile } from './trace-file.js';
import { Track } from './track.js';

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
  become(state: WorkerState | null, fields?: SliceArguments): void {
    const now = performance.now();
    if (this.#state !== null) {
      const slice = { name: this.#state, category: 'worker', beganMs: this.#sinceMs, endedMs: now };
      this.#states.add({ ...slice, fields });
    }
    this.#state = state;
    this.#sinceMs = now;
  }
}
