import { RecordFile } from '../record-file.js';
import type { Slice, TraceFile, TrackName } from './trace-file.js';

/**
 * The JSON form of Chrome's traces (Trace Event Format, array form): opened by Perfetto, speedscope and others. The format allows the
 * last bracket to be missing, as after a kill.
 */
export class ChromeTrace implements TraceFile {
  readonly #file: RecordFile;
  #isFirst = true;

  constructor(path: string) {
    this.#file = new RecordFile(path, 'a trace');
    this.#file.write('[\n');
  }

  process(pid: number, name: string): void {
    this.#write({ ph: 'M', name: 'process_name', pid, tid: 0, ts: 0, args: { name } });
  }

  track({ pid, tid }: TrackName, name: string): void {
    this.#write({ ph: 'M', name: 'thread_name', pid, tid, ts: 0, args: { name } });
    this.#write({ ph: 'M', name: 'thread_sort_index', pid, tid, ts: 0, args: { sort_index: tid } });
  }

  slice({ pid, tid, name, category, beganMs, endedMs, fields, flowFrom, flowTo }: Slice): void {
    const ts = microseconds(beganMs);
    const dur = Math.max(0, microseconds(endedMs) - ts - GAP);
    const place = { pid, tid, ts, cat: category };
    this.#write({ ph: 'X', name, ...place, dur: rounded(dur), ...(fields && { args: fields }) });
    // A flow belongs to the slice around its time.
    if (flowFrom !== undefined) this.#write({ ph: 's', id: flowFrom, name: 'dispatch', ...place, cat: 'flow' });
    if (flowTo !== undefined) this.#write({ ph: 'f', bp: 'e', id: flowTo, name: 'dispatch', ...place, cat: 'flow' });
  }

  [Symbol.dispose](): void {
    this.#file.write('\n]\n');
    this.#file[Symbol.dispose]();
  }

  #write(event: object): void {
    this.#file.write(`${this.#isFirst ? '' : ',\n'}${JSON.stringify(event)}`);
    this.#isFirst = false;
  }
}

/**
 * A nanosecond, by which a slice ends early: readers add and subtract times in floating point, and find that slices which touch overlap.
 * In speedscope a worker's states would lie within one another.
 */
const GAP = 0.001;

/** To nanoseconds: more digits would only take space. */
const microseconds = (milliseconds: number): number => rounded(1000 * milliseconds);

const rounded = (value: number): number => Math.round(1000 * value) / 1000;
