import { RecordFile } from '../record-file.js';
import { DecimalText } from './decimal-text.js';
import type { Slice, SliceLabel, TrackName } from './slice.js';
import type { TraceFile } from './trace-file.js';

/** The text of a slice between its numbers, which slices with the same label share. */
interface Text {
  readonly toTime: Uint8Array;
  /** Up to each of the kind's numbers. */
  readonly toNumbers: readonly Uint8Array[];
  readonly end: Uint8Array;
  /** Of the arrow, up to its number; null without one. */
  readonly toFlow: Uint8Array | null;
}

/**
 * The JSON form of Chrome's traces (Trace Event Format, array form): opened by Perfetto, speedscope and others. The format allows the
 * last bracket to be missing, as after a kill.
 */
export class ChromeTrace implements TraceFile {
  readonly #file: RecordFile;
  readonly #texts = new WeakMap<SliceLabel, Text>();
  readonly #slices = new DecimalText();
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

  slice({ label, beganMs, endedMs, numbers, flow, fields }: Slice): void {
    const written = this.#slices;
    const text = this.#textOf(label);
    const began = nanoseconds(beganMs);
    written.bytes(text.toTime);
    written.thousandths(began);
    written.bytes(toDuration);
    written.thousandths(Math.max(0, nanoseconds(endedMs) - began - GAP));
    for (let which = 0; which < numbers.length; which++) {
      written.bytes(text.toNumbers[which]!);
      written.whole(numbers[which]!);
    }
    if (fields !== undefined) written.bytes(Buffer.from(`,"args":${JSON.stringify(fields)}`));
    written.bytes(text.end);
    if (text.toFlow === null || flow === 0) return;
    // An arrow belongs to the slice around its time.
    written.bytes(text.toFlow);
    written.whole(flow);
    written.bytes(toTime);
    written.thousandths(began);
    written.bytes(end);
  }

  flush(): void {
    this.#file.write(this.#slices.written);
    this.#file.flush();
    this.#slices.clear();
  }

  [Symbol.dispose](): void {
    this.#file.write('\n]\n');
    this.#file[Symbol.dispose]();
  }

  #textOf(label: SliceLabel): Text {
    const known = this.#texts.get(label);
    if (known !== undefined) return known;
    const {
      name,
      track: { pid, tid },
      kind: { category, numbers = [], flow },
    } = label;
    const place = `"pid":${pid},"tid":${tid}`;
    const slice = `,\n{"ph":"X","name":${JSON.stringify(name)},"cat":"${category}",${place},"ts":`;
    const made: Text = {
      toTime: Buffer.from(slice),
      toNumbers: numbers.map((number, which) => Buffer.from(`${which === 0 ? ',"args":{' : ','}"${number}":`)),
      end: Buffer.from(numbers.length === 0 ? '}' : '}}'),
      toFlow:
        flow === undefined
          ? null
          : Buffer.from(
              `,\n{${flow === 'from' ? '"ph":"s"' : '"ph":"f","bp":"e"'},"name":"dispatch","cat":"flow",${place},"id":`,
            ),
    };
    this.#texts.set(label, made);
    return made;
  }

  #write(event: object): void {
    this.#file.write(`${this.#isFirst ? '' : ',\n'}${JSON.stringify(event)}`);
    this.#isFirst = false;
  }
}

const toTime = Buffer.from(',"ts":');
const toDuration = Buffer.from(',"dur":');
const end = Buffer.from('}');

/**
 * Nanoseconds by which a slice ends early: readers add and subtract times in floating point, and find that slices which touch overlap.
 * In speedscope a worker's states would lie within one another.
 */
const GAP = 1;

const nanoseconds = (milliseconds: number): number => Math.max(0, Math.round(1e6 * milliseconds));
