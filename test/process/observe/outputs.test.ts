import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ended, eventsOf, type JsonEvent, mayfly } from '../../fixtures/command.js';
import { hasProtoc, protocDecode } from '../../fixtures/protoc.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const text = join(folder, 'text.txt');
writeFileSync(text, 'once upon a time there was a little mayfly that lived for a day. '.repeat(200));
const table = join(folder, 'steps.csv');
const board = join(folder, 'board');
let ended: Ended;
let metrics = '';

/** A run of eight steps in two parts: the second goes on with what the first wrote. */
beforeAll(async () => {
  const run = ['train', '--model', 'tiny', '--tokenizer', 'bytes', '--batch', '2', '--seq', '16', '--json'];
  const data = ['--data', text, '--validation', '0.2', '--evaluate-every', '4', '--device', 'cpu'];
  const out = join(folder, 'run');
  const first = await mayfly([...run, ...data, '--out', out, '--steps', '5']);
  expect(first.code, first.stderr).toBe(0);
  // The tables start anew, with the steps of the first part.
  const observed = [
    '--csv',
    table,
    '--tensorboard',
    board,
    '--tensorboard-histograms',
    '4',
    '--metrics',
    '0',
    '--sample',
    'once',
    '--sample-every',
    '4',
  ];
  let scrape: Promise<string> | undefined;
  let address = '';
  ended = await mayfly(['train', '--resume', out, '--steps', '2000', '--json', ...observed], {
    onLine: (line, child) => {
      const record = JSON.parse(line) as JsonEvent;
      if (record.event === 'metrics') address = record.address as string;
      if (record.event === 'evaluation') scrape ??= fetch(address).then((response) => response.text());
      if (record.event !== 'sample') return;
      void scrape?.then((answer) => {
        metrics = answer;
        child.kill('SIGINT');
      });
    },
  });
  expect(ended.stderr).toBe('');
});

const steps = () => eventsOf(ended).filter(({ event }) => event === 'step');

describe('what a training writes for other programs', () => {
  test('a table has a row for each step, those before the resume among them', () => {
    const [head, ...rows] = readFileSync(table, 'utf8').trimEnd().split('\r\n');
    expect(head).toBe(
      'step,loss,grad_norm,lr,ms,tokens_per_second,loss_scale,skipped,time,validation_loss,joules_per_step,memory_bytes_per_second,ane_bytes_per_second,die_joules_per_step',
    );
    expect(rows.map((row) => Number(row.split(',')[0]))).toEqual(Array.from(rows, (_, index) => index + 1));
    expect(rows).toHaveLength(5 + steps().length);
    expect(rows.slice(5).map((row) => Number(row.split(',')[1]))).toEqual(steps().map(({ loss }) => loss));
    const validation = (row: number) => rows[row]!.split(',')[9];
    expect(validation(3)).not.toBe('');
    expect(validation(4)).not.toBe('');
    expect(validation(5)).toBe('');
    // This machine does not count energy.
    expect(rows.every((row) => row.endsWith(',,,,'))).toBe(true);
  });

  test("an event file has TensorFlow's records with their checksums", () => {
    const records = eventRecords();
    expect(records.length).toBeGreaterThan(steps().length);
    expect(records[0]!.toString('latin1')).toContain('brain.Event:2');
  });

  test.skipIf(!hasProtoc)(
    'an event file has scalars and texts (with protoc of protobuf-compiler)',
    () => {
      const decoded = eventRecords().map((record) => protocDecode('tensorboard.proto', 'tensorflow.Event', record));
      const losses = decoded.filter((event) => event.includes('tag: "loss"'));
      expect(losses).toHaveLength(5 + steps().length);
      const loss = Number(/tag: "loss"\s+simple_value: (\S+)/.exec(losses[5]!)![1]);
      expect(loss).toBeCloseTo(steps()[0]!.loss as number, 4);
      expect(losses[5]).toContain('step: 6');
      const sample = decoded.find((event) => event.includes('tag: "sample"'))!;
      expect(sample).toContain('plugin_name: "text"');
      expect(sample).toMatch(/string_val: "once/);
      expect(decoded.join('')).toContain('tag: "validation/loss"');
      expect(decoded.join('')).not.toMatch(/^\s*\d+: /m);
    },
    120_000,
  );

  test.skipIf(!hasProtoc)(
    "an event file has histograms of every tensor's gradient, of every fourth step (with protoc of protobuf-compiler)",
    () => {
      const written = eventRecords().filter((record) => record.includes('gradients/'));
      const decoded = written
        .slice(0, 3)
        .map((record) => protocDecode('tensorboard.proto', 'tensorflow.Event', record));
      // The first part of the run had no such option.
      const due = steps().filter(({ step }) => (step as number) % 4 === 0);
      expect(written).toHaveLength(due.length);
      expect(decoded.map((event) => Number(/^step: (\d+)/m.exec(event)![1]))).toEqual(
        due.slice(0, 3).map(({ step }) => step),
      );
      const numbers = (text: string, name: string) =>
        Array.from(text.matchAll(new RegExp(`\\b${name}: (\\S+)`, 'g')), ([, value]) => Number(value));
      for (const [index, event] of decoded.entries()) {
        expect(event).not.toMatch(/^\s*\d+: /m);
        expect(event).toContain('tag: "gradients/embedding"');
        expect(event).toContain('tag: "gradients/layer 0/wq"');
        const norm = Math.sqrt(numbers(event, 'sum_squares').reduce((sum, square) => sum + square, 0));
        expect(norm).toBeCloseTo(due[index]!.grad_norm as number, 4);
        for (const histogram of event.split('tag: ').slice(1)) {
          const limits = numbers(histogram, 'bucket_limit');
          expect(limits).toEqual(limits.toSorted((a, b) => a - b));
          expect(limits.at(-1)).toBeGreaterThanOrEqual(numbers(histogram, 'max')[0]!);
          const total = numbers(histogram, 'bucket').reduce((sum, count) => sum + count, 0);
          expect(total).toBe(numbers(histogram, 'num')[0]);
        }
      }
    },
    120_000,
  );

  test('metrics are served while it trains', () => {
    const value = (name: string) =>
      Number(new RegExp(`^${name.replace(/[{}"+]/g, '\\$&')} (\\S+)$`, 'm').exec(metrics)?.[1]);
    expect(value('mayfly_step')).toBeGreaterThanOrEqual(8);
    expect(value('mayfly_dispatches_total')).toBeGreaterThan(3 * 8);
    expect(value('mayfly_workers{state="serving"}')).toBe(1);
    expect(value('mayfly_evaluation_seconds_count{kernel="attention.forward"}')).toBeGreaterThan(5);
    expect(value('mayfly_evaluation_seconds_bucket{kernel="attention.forward",le="+Inf"}')).toBe(
      value('mayfly_evaluation_seconds_count{kernel="attention.forward"}'),
    );
    expect(value('mayfly_worker_compilations_limit{worker="1"}')).toBe(100);
    expect(value('mayfly_validation_loss')).toBeGreaterThan(0);
    // Every sample belongs to a metric with help and type.
    const typed = new Set(Array.from(metrics.matchAll(/^# TYPE (\S+) /gm), ([, name]) => name));
    for (const [, name] of metrics.matchAll(/^([a-z_]+)(?:\{.*\})? \S+$/gm)) {
      expect([...typed]).toContain(name!.replace(/_(bucket|sum|count)$/, ''));
    }
  });

  test('histograms without an event file are refused', async () => {
    const refused = await mayfly([
      'train',
      '--data',
      text,
      '--tensorboard-histograms',
      '4',
      '--out',
      join(folder, 'none'),
    ]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('Expected --tensorboard-histograms to be given together with tensorboard, got 4');
  });

  test('a port that another program has is refused', async () => {
    const server = (await import('node:http')).createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const refused = await mayfly(['train', '--data', text, '--metrics', String(port), '--out', join(folder, 'none')]);
    server.close();
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('a port that is free');
  });
});

/** The records of the event file, whose checksums are checked here by an implementation of its own. */
function eventRecords(): Buffer[] {
  const [name] = readdirSync(board);
  const bytes = readFileSync(join(board, name!));
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    const record = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(record));
    records.push(record);
    at += 16 + length;
  }
  return records;
}

/** CRC-32C bit by bit; of "123456789" it is e3069283. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const masked = (bytes: Uint8Array): number => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};
