import { hostname } from 'node:os';
import { join } from 'node:path';
import type { GradientHistogram } from '../decoder/gradient-histograms.js';
import type { LogRecord } from '../history/log-tail.js';
import { ProtobufWriter } from './protobuf.js';
import { RecordFile } from './record-file.js';
import type { RecordSink } from './record-sink.js';

/* Numbers of the fields in tensorflow/core: util/event.proto, framework/summary.proto, framework/tensor.proto. */
const event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const summaryValue = { value: 1, tag: 1, simpleValue: 2, histogram: 5, tensor: 8, metadata: 9 } as const;
const metadata = { plugin: 1, pluginName: 1, description: 3 } as const;
const tensor = { dtype: 1, shape: 2, strings: 8, dimension: 2, size: 1 } as const;
const histogram = { min: 1, max: 2, count: 3, sum: 4, sumOfSquares: 5, limits: 6, counts: 7 } as const;
const DT_STRING = 7;

/** Scalars by the record that has them. */
const scalars: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  step: {
    loss: 'loss',
    grad_norm: 'gradient norm',
    lr: 'learning rate',
    tokens_per_second: 'speed/tokens per second',
    ms: 'speed/ms per step',
    loss_scale: 'loss scale',
  },
  evaluation: { cross_entropy: 'validation/loss', bits_per_byte: 'validation/bits per byte' },
  energy: {
    joules_per_step: 'energy/joules per step',
    memory_bytes_per_second: 'memory/bytes per second',
    ane_bytes_per_second: 'memory/bytes per second of the Neural Engine',
  },
};

/** TensorBoard shows it beside the chart. */
const descriptions: Readonly<Record<string, string>> = {
  energy: "By a Mac's own counters, in the mean of about a second. Assumed: no Mac has run it.",
};

/** An event file of TensorBoard: scalars of steps and evaluations, the texts that the model writes, and histograms of gradients. */
export class TensorBoardSink implements RecordSink {
  readonly #file: RecordFile;

  /** @param folder For `tensorboard --logdir`. */
  constructor(folder: string) {
    const seconds = Math.floor(Date.now() / 1000);
    const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}`;
    this.#file = new RecordFile(join(folder, name), 'an event file');
    this.#event(Date.now(), 0, (written) => written.bytes(event.fileVersion, 'brain.Event:2'));
  }

  write(record: LogRecord): void {
    const { step, time } = record;
    this.#summary(Date.parse(time as string), step as number, [...this.#scalars(record), ...this.#texts(record)]);
  }

  flush(): void {
    this.#file.flush();
  }

  /** Adds the distribution of each tensor's gradient. */
  writeGradients(step: number, gradients: readonly GradientHistogram[]): void {
    const values = gradients.map(({ name, layer, min, max, count, sum, sumOfSquares, buckets }) => {
      const written = new ProtobufWriter().double(histogram.min, min).double(histogram.max, max);
      written.double(histogram.count, count).double(histogram.sum, sum).double(histogram.sumOfSquares, sumOfSquares);
      const limits = buckets.map(({ below }) => below);
      const counts = buckets.map((bucket) => bucket.count);
      written.doubles(histogram.limits, limits).doubles(histogram.counts, counts);
      const tag = `gradients/${layer === null ? '' : `layer ${layer}/`}${name}`;
      return new ProtobufWriter().bytes(summaryValue.tag, tag).bytes(summaryValue.histogram, written);
    });
    this.#summary(Date.now(), step, values);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  *#scalars(record: LogRecord): Generator<ProtobufWriter> {
    const name = record.event as string;
    const about = descriptions[name];
    const values = Object.entries(scalars[name] ?? {}).map(([key, tag]) => [tag, record[key]] as const);
    for (const [tag, value] of [...values, ...(name === 'energy' ? dieScalars(record) : [])]) {
      if (typeof value !== 'number') continue;
      const scalar = new ProtobufWriter().bytes(summaryValue.tag, tag).float(summaryValue.simpleValue, value);
      if (about !== undefined) {
        scalar.bytes(summaryValue.metadata, new ProtobufWriter().bytes(metadata.description, about));
      }
      yield scalar;
    }
  }

  *#texts({ event: name, prompt, text }: LogRecord): Generator<ProtobufWriter> {
    if (name !== 'sample') return;
    const shape = new ProtobufWriter().bytes(tensor.dimension, new ProtobufWriter().varint(tensor.size, 1));
    const strings = new ProtobufWriter().varint(tensor.dtype, DT_STRING).bytes(tensor.shape, shape);
    const plugin = new ProtobufWriter().bytes(metadata.pluginName, 'text');
    yield new ProtobufWriter()
      .bytes(summaryValue.tag, 'sample')
      .bytes(summaryValue.tensor, strings.bytes(tensor.strings, `${prompt}${text}`))
      .bytes(summaryValue.metadata, new ProtobufWriter().bytes(metadata.plugin, plugin));
  }

  #summary(atMs: number, step: number, values: readonly ProtobufWriter[]): void {
    if (values.length === 0) return;
    const summary = new ProtobufWriter();
    for (const value of values) summary.bytes(summaryValue.value, value);
    this.#event(atMs, step, (written) => written.bytes(event.summary, summary));
  }

  #event(atMs: number, step: number, content: (written: ProtobufWriter) => void): void {
    const written = new ProtobufWriter().double(event.wallTime, atMs / 1000).varint(event.step, step);
    content(written);
    this.#file.write(tfRecord(written.finish()));
  }
}

/** Joules of each die for a step, where there are several. */
function dieScalars({ dies, steps }: LogRecord): (readonly [tag: string, value: number])[] {
  if (!Array.isArray(dies) || dies.length < 2) return [];
  return dies.map(({ name, joules }: LogRecord) => [
    `energy/joules per step of ${name}`,
    (joules as number) / (steps as number),
  ]);
}

/** A record of TFRecord's format: length, its checksum, the bytes, their checksum. */
function tfRecord(bytes: Buffer): Buffer {
  const record = Buffer.alloc(12 + bytes.length + 4);
  record.writeBigUInt64LE(BigInt(bytes.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  bytes.copy(record, 12);
  record.writeUInt32LE(maskedCrc32c(bytes), 12 + bytes.length);
  return record;
}

/** CRC-32C (RFC 3720, B.4): polynomial 0x1edc6f41, reflected. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** Rotated and added to, since a checksum of data that hold checksums is weak. */
function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
