import { addon } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';
import { halfToNumber, MathArena, numberToHalf, randomNumbers } from '../../fixtures/math-arena.js';

const memory = new MathArena();
afterAll(() => memory.close());

const halfOffset = memory.reserve(2 * 65536);
const floatOffset = memory.reserve(4 * 65536);
const halfView = memory.arena.view(halfOffset, 2 * 65536);
const floatView = memory.arena.view(floatOffset, 4 * 65536);
const halves = new Uint16Array(halfView.buffer, halfView.byteOffset, 65536);
const floats = new Float32Array(floatView.buffer, floatView.byteOffset, 65536);
const floatBits = new Uint32Array(floatView.buffer, floatView.byteOffset, 65536);

function toFloat(count: number): void {
  addon.math.toFloat(memory.arena, {
    from: halfOffset,
    fromStride: count,
    to: floatOffset,
    toStride: count,
    rows: 1,
    columns: count,
  });
}

function toHalf(count: number): void {
  addon.math.toHalf(memory.arena, {
    from: floatOffset,
    fromStride: count,
    to: halfOffset,
    toStride: count,
    rows: 1,
    columns: count,
  });
}

test('every fp16 becomes its fp32 and comes back', () => {
  for (let bits = 0; bits < 65536; bits++) halves[bits] = bits;
  toFloat(65536);
  const wrong: number[] = [];
  for (let bits = 0; bits < 65536; bits++) {
    const nan = Number.isNaN(halfToNumber(bits));
    if (nan ? !Number.isNaN(floats[bits]) : !Object.is(floats[bits], halfToNumber(bits))) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
  toHalf(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const nan = Number.isNaN(halfToNumber(bits));
    if (halves[bits] !== (nan ? bits | 0x200 : bits)) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
});

test('floats round to the nearest fp16, ties to even, around every boundary', () => {
  const cases: number[] = [];
  const bitsOf = new Uint32Array(1);
  const float = new Float32Array(bitsOf.buffer);
  for (let bits = 0; bits < 0x7c00; bits += bits < 64 || (bits & 0x3ff) < 8 || (bits & 0x3ff) > 1016 ? 1 : 37) {
    float[0] = (halfToNumber(bits) + halfToNumber(Math.min(bits + 1, 0x7bff))) / 2;
    const middle = bitsOf[0] as number;
    cases.push(middle - 1, middle, middle + 1, (middle | 0x80000000) >>> 0);
  }
  for (const special of [
    0,
    -0,
    65504,
    65519.996,
    65520,
    -65520,
    3.4e38,
    Number.POSITIVE_INFINITY,
    2 ** -25,
    2 ** -24,
    1e-40,
  ]) {
    float[0] = special;
    cases.push(bitsOf[0] as number);
  }
  const random = randomNumbers(3);
  while (cases.length < 65530) cases.push(Math.floor((random() + 1) * 2 ** 31) >>> 0);
  floatBits.set(cases);
  const inputs = floats.slice(0, cases.length);
  toHalf(cases.length);
  const wrong: string[] = [];
  for (let i = 0; i < cases.length; i++) {
    const input = inputs[i] as number;
    const same = Number.isNaN(input)
      ? Number.isNaN(halfToNumber(halves[i] as number))
      : halves[i] === numberToHalf(input);
    if (!same) wrong.push(`${input} → ${halves[i]}`);
  }
  expect(wrong).toEqual([]);
});

test.each([
  [1, 1],
  [3, 5],
  [17, 33],
  [40, 16],
  [100, 7],
])('a %i × %i matrix is converted between strides and transposed', (rows, columns) => {
  const from = memory.random('fp32', rows, columns, randomNumbers(5), columns + 3);
  const straight = memory.random('fp16', rows, columns, () => 9, columns + 5);
  const turned = memory.random('fp16', columns, rows, () => 9, rows + 1);
  const back = memory.random('fp32', rows, columns, () => 9, columns + 2);
  const options = { from: from.offset, fromStride: from.stride, rows, columns };
  addon.math.toHalf(memory.arena, { ...options, to: straight.offset, toStride: straight.stride });
  addon.math.toHalf(memory.arena, { ...options, to: turned.offset, toStride: turned.stride, transpose: true });
  addon.math.toFloat(memory.arena, {
    from: straight.offset,
    fromStride: straight.stride,
    to: back.offset,
    toStride: back.stride,
    rows,
    columns,
  });
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const rounded = halfToNumber(numberToHalf(from.at(r, c)));
      expect([straight.at(r, c), turned.at(c, r), back.at(r, c)]).toEqual([rounded, rounded, rounded]);
    }
  }
  if (rows > 1)
    expect([straight.at(0, columns), turned.at(0, rows), back.at(0, columns)]).toEqual([
      9,
      columns > 1 ? 9 : turned.at(0, rows),
      9,
    ]);
});
