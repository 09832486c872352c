import { ProtobufWriter } from '../protobuf.js';
import { RecordFile } from '../record-file.js';
import type { Slice, SliceFields, SliceLabel, TrackName } from './slice.js';
import type { TraceFile } from './trace-file.js';

/* Numbers of the fields in Perfetto's protos/perfetto/trace, by message. */
const trace = { packet: 1 } as const;
const tracePacket = { timestamp: 8, sequence: 10, trackEvent: 11, trackDescriptor: 60 } as const;
const trackDescriptor = { uuid: 1, process: 3, thread: 4 } as const;
const processDescriptor = { pid: 1, name: 6 } as const;
const threadDescriptor = { pid: 1, tid: 2, name: 5 } as const;
const trackEvent = {
  ...{ debugAnnotations: 4, type: 9, trackUuid: 11, categories: 22, name: 23 },
  ...{ flowIds: 47, terminatingFlowIds: 48 },
} as const;
const debugAnnotation = { boolean: 2, integer: 4, double: 5, string: 6, name: 10 } as const;
const BEGIN = 1;
const END = 2;
/** All packets come from one writer. */
const SEQUENCE = 1;
/** Threads of a process: more tracks than a process here has. */
const TRACKS = 1000;

/** The fields of a slice's two events that slices with the same label share. */
interface Events {
  readonly begin: Uint8Array;
  readonly end: Uint8Array;
  /** Of its kind's numbers. */
  readonly names: readonly string[];
  readonly flow: number | null;
}

/** Perfetto's own form of a trace: protobuf, for ui.perfetto.dev and its trace processor. */
export class PerfettoTrace implements TraceFile {
  readonly #file: RecordFile;
  readonly #events = new WeakMap<SliceLabel, Events>();
  /** What has not gone to the file, the packet and the event that are being written, and a field of that. */
  readonly #packets = new ProtobufWriter();
  readonly #packet = new ProtobufWriter();
  readonly #event = new ProtobufWriter();
  readonly #annotation = new ProtobufWriter();

  constructor(path: string) {
    this.#file = new RecordFile(path, 'a trace');
  }

  process(pid: number, name: string): void {
    const described = new ProtobufWriter().varint(processDescriptor.pid, pid).bytes(processDescriptor.name, name);
    this.#describe({ pid, tid: 0 }, trackDescriptor.process, described);
  }

  track(track: TrackName, name: string): void {
    const { pid, tid } = track;
    const described = new ProtobufWriter().varint(threadDescriptor.pid, pid).varint(threadDescriptor.tid, tid);
    this.#describe(track, trackDescriptor.thread, described.bytes(threadDescriptor.name, name));
  }

  slice({ label, beganMs, endedMs, numbers, flow: arrow, fields }: Slice): void {
    const { begin, end, names, flow } = this.#eventsOf(label);
    const event = this.#event.clear();
    for (const key in fields) this.#annotate(key, fields[key] ?? null);
    for (let which = 0; which < numbers.length; which++) this.#annotate(names[which]!, numbers[which]!);
    event.fields(begin);
    if (flow !== null && arrow !== 0) event.fixed64(flow, arrow);
    this.#add(beganMs, event.written);
    this.#add(endedMs, end);
  }

  flush(): void {
    this.#file.write(this.#packets.written);
    this.#file.flush();
    this.#packets.clear();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #eventsOf(label: SliceLabel): Events {
    const known = this.#events.get(label);
    if (known !== undefined) return known;
    const { track, name, kind } = label;
    const begin = new ProtobufWriter().varint(trackEvent.type, BEGIN).varint(trackEvent.trackUuid, uuidOf(track));
    const end = new ProtobufWriter().varint(trackEvent.type, END).varint(trackEvent.trackUuid, uuidOf(track));
    const made = {
      begin: begin.bytes(trackEvent.categories, kind.category).bytes(trackEvent.name, name).finish(),
      end: end.finish(),
      names: kind.numbers ?? [],
      flow: kind.flow === undefined ? null : kind.flow === 'from' ? trackEvent.flowIds : trackEvent.terminatingFlowIds,
    };
    this.#events.set(label, made);
    return made;
  }

  #annotate(name: string, value: SliceFields[string]): void {
    const written = this.#annotation.clear();
    if (typeof value === 'boolean') written.varint(debugAnnotation.boolean, Number(value));
    else if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
      written.varint(debugAnnotation.integer, value);
    else if (typeof value === 'number') written.double(debugAnnotation.double, value);
    else written.bytes(debugAnnotation.string, String(value));
    this.#event.bytes(trackEvent.debugAnnotations, written.bytes(debugAnnotation.name, name));
  }

  #add(atMs: number, event: Uint8Array): void {
    const packet = this.#packet.clear().varint(tracePacket.timestamp, Math.round(1e6 * atMs));
    packet.varint(tracePacket.sequence, SEQUENCE).bytes(tracePacket.trackEvent, event);
    this.#packets.bytes(trace.packet, packet);
  }

  #describe(track: TrackName, field: number, described: ProtobufWriter): void {
    const descriptor = new ProtobufWriter().varint(trackDescriptor.uuid, uuidOf(track)).bytes(field, described);
    const packet = new ProtobufWriter().bytes(tracePacket.trackDescriptor, descriptor);
    this.#packets.bytes(trace.packet, packet);
  }
}

const uuidOf = ({ pid, tid }: TrackName): number => pid * TRACKS + tid;
