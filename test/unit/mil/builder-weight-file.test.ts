import { Float16Array, fillWeightFile, layOutWeightFile, writeBlobHeaders, writeRecord } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { fromHalf, toHalf } from '../../fixtures/half.js';

const layout = layOutWeightFile('@model_path/weights/weight.bin', [
  { name: 'a', dtype: 'fp16', shape: [3, 1] },
  { name: 'b', dtype: 'fp32', shape: [17] },
  { name: 'c', dtype: 'int8', shape: [5] },
]);

const hex = (bytes: Uint8Array, from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('hex');

test('lays files out as MILBlob v2 does', () => {
  const places = layout.records.map(({ recordOffset, dataOffset, bytes }) => [recordOffset, dataOffset, bytes]);
  expect(places).toEqual([
    [64, 128, 6],
    [192, 256, 68],
    [384, 448, 5],
  ]);
  expect(layout.bytes).toBe(453);
});

test('writes headers byte for byte and leaves data alone', () => {
  const bytes = new Uint8Array(layout.bytes).fill(0xaa);
  writeBlobHeaders(layout, bytes);
  expect(hex(bytes, 0, 64)).toBe(`0300000002000000${'00'.repeat(56)}`);
  expect(hex(bytes, 64, 128)).toBe(`efbeadde0100000006000000000000008000000000000000${'00'.repeat(40)}`);
  expect(hex(bytes, 128, 192)).toBe('aa'.repeat(64));
  expect(hex(bytes, 192, 256)).toBe(`efbeadde0200000044000000000000000001000000000000${'00'.repeat(40)}`);
  expect(hex(bytes, 384, 448)).toBe(`efbeadde040000000500000000000000c001000000000000${'00'.repeat(40)}`);
  expect(hex(bytes, 448, 453)).toBe('aa'.repeat(5));
  expect(() => writeBlobHeaders(layout, bytes.subarray(1))).toThrow('Expected bytes to be at least 453 bytes, got 452');
});

test('writes records rounded to their type', () => {
  const bytes = new Uint8Array(layout.bytes);
  writeRecord(layout, 'a', bytes, Float32Array.of(1, -2, 1 / 768));
  expect(hex(bytes, 128, 136)).toBe('003c00c055150000');
  writeRecord(layout, 'a', bytes, Uint16Array.of(1, 2, 3));
  expect(hex(bytes, 128, 136)).toBe('0100020003000000');
  fillWeightFile(layout, new Map([['b', new Float32Array(17).fill(0.1)]]), bytes);
  expect(hex(bytes, 256, 264)).toBe('cdcccc3dcdcccc3d');
  expect(hex(bytes, 192, 196)).toBe('efbeadde');
  expect(() => writeRecord(layout, 'd', bytes, new Float32Array(1))).toThrow(/a record of .*weight.bin, got `d`/);
  expect(() => writeRecord(layout, 'a', bytes, new Float32Array(4))).toThrow(
    'Expected values of a to be 3 elements, got 4',
  );
  expect(() => writeRecord(layout, 'c', bytes, new Float32Array(5))).toThrow("of the record's type int8");
});

test('every fp16 value survives a round trip through fp32', () => {
  for (let half = 0; half < 0x10000; half++) {
    const value = fromHalf(half);
    // A quiet NaN; its payload may be any.
    if (Number.isNaN(value)) expect(toHalf(value) & 0x7e00).toBe(0x7e00);
    else if (toHalf(value) !== half) expect.fail(`0x${half.toString(16)} became 0x${toHalf(value).toString(16)}`);
  }
});

test('fp32 rounds to the nearest fp16, ties to even', () => {
  const single = new Float32Array(1);
  const bits = new Uint32Array(single.buffer);
  const rounded = new Uint16Array(1);
  const halves = new Float16Array(rounded.buffer);
  for (let half = 0; half < 0x7c00; half++) {
    const [lower, upper] = [fromHalf(half), half === 0x7bff ? 65536 : fromHalf(half + 1)];
    single[0] = (lower + upper) / 2;
    const tie = bits[0]!;
    for (const [step, expected] of [
      [-1, half],
      [0, half + (half & 1)],
      [1, half + 1],
    ] as const) {
      bits[0] = tie + step;
      halves.set(single);
      if (rounded[0] !== expected) expect.fail(`${single[0]} became 0x${rounded[0]!.toString(16)}`);
      if (toHalf(-single[0]!) !== (expected | 0x8000)) expect.fail(`${-single[0]!} lost its sign`);
    }
  }
  expect([1e-9, 1e9, Number.NEGATIVE_INFINITY].map(toHalf)).toEqual([0, 0x7c00, 0xfc00]);
});
