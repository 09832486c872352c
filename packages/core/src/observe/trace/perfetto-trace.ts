import { ProtobufWriter } from '../protobuf.js';
import { RecordFile } from '../record-file.js';
import type { Slice, SliceArguments, TraceFile, TrackName } from './trace-file.js';

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

/** Perfetto's own form of a trace: protobuf, for ui.perfetto.dev and its trace processor. */
export class PerfettoTrace implements TraceFile {
  readonly #file: RecordFile;

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

  slice(slice: Slice): void {
    const { name, category, beganMs, endedMs, fields = {}, flowFrom, flowTo } = slice;
    const begin = new ProtobufWriter();
    for (const [key, value] of Object.entries(fields)) begin.bytes(trackEvent.debugAnnotations, annotation(key, value));
    begin.varint(trackEvent.type, BEGIN).varint(trackEvent.trackUuid, uuidOf(slice));
    begin.bytes(trackEvent.categories, category).bytes(trackEvent.name, name);
    if (flowFrom !== undefined) begin.fixed64(trackEvent.flowIds, BigInt(flowFrom));
    if (flowTo !== undefined) begin.fixed64(trackEvent.terminatingFlowIds, BigInt(flowTo));
    this.#event(beganMs, begin);
    const end = new ProtobufWriter().varint(trackEvent.type, END).varint(trackEvent.trackUuid, uuidOf(slice));
    this.#event(endedMs, end);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #describe(track: TrackName, field: number, described: ProtobufWriter): void {
    const descriptor = new ProtobufWriter().varint(trackDescriptor.uuid, uuidOf(track)).bytes(field, described);
    this.#packet(new ProtobufWriter().bytes(tracePacket.trackDescriptor, descriptor));
  }

  #event(atMs: number, event: ProtobufWriter): void {
    const timestamp = Math.round(1e6 * atMs);
    this.#packet(
      new ProtobufWriter()
        .varint(tracePacket.timestamp, timestamp)
        .varint(tracePacket.sequence, SEQUENCE)
        .bytes(tracePacket.trackEvent, event),
    );
  }

  #packet(packet: ProtobufWriter): void {
    this.#file.write(new ProtobufWriter().bytes(trace.packet, packet).finish());
  }
}

const uuidOf = ({ pid, tid }: TrackName): number => pid * TRACKS + tid;

function annotation(name: string, value: SliceArguments[string]): ProtobufWriter {
  const written = new ProtobufWriter();
  if (typeof value === 'boolean') written.varint(debugAnnotation.boolean, Number(value));
  else if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
    written.varint(debugAnnotation.integer, value);
  else if (typeof value === 'number') written.double(debugAnnotation.double, value);
  else written.bytes(debugAnnotation.string, String(value));
  return written.bytes(debugAnnotation.name, name);
}
