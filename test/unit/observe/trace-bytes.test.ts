import { DecimalText, ProtobufWriter, recordFields, recordLine, runRecord } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

/** Around every power of two and of ten that is a safe integer, and where numbers are cut into chunks. */
const numbers = [
  ...Array.from({ length: 53 }, (_, power) => 2 ** power),
  ...Array.from({ length: 15 }, (_, p) => 10 ** p),
]
  .flatMap((power) => [power - 1, power, power + 1, 3 * power + 7])
  .concat(Number.MAX_SAFE_INTEGER)
  .filter(Number.isSafeInteger);

describe('decimal text', () => {
  const written = (write: (text: DecimalText) => void): string => {
    const text = new DecimalText();
    write(text);
    return text.written.toString('latin1');
  };

  test('has the digits of whole numbers', () => {
    for (const number of numbers) expect(written((text) => text.whole(number))).toBe(String(number));
  });

  test('has three decimals of thousandths', () => {
    for (const number of numbers) {
      const digits = String(number).padStart(4, '0');
      expect(written((text) => text.thousandths(number))).toBe(`${digits.slice(0, -3)}.${digits.slice(-3)}`);
    }
  });

  test('grows', () => {
    const all = written((text) => {
      for (let round = 0; round < 200; round++) {
        for (const number of numbers) {
          text.bytes(Buffer.from('n: '));
          text.whole(number);
        }
      }
    });
    expect(all).toBe(
      numbers
        .map((number) => `n: ${number}`)
        .join('')
        .repeat(200),
    );
  });
});

describe('protobuf', () => {
  /** A varint bit by bit, as the specification has it. */
  function varint(value: number): number[] {
    const bytes: number[] = [];
    let left = BigInt(value);
    for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
    return [...bytes, Number(left)];
  }

  test('has varints of any size, and fixed numbers', () => {
    for (const number of numbers) {
      expect([...new ProtobufWriter().varint(1, number).finish()]).toEqual([8, ...varint(number)]);
      const fixed = new ProtobufWriter().fixed64(20, number).finish();
      expect([...fixed.subarray(0, 2)]).toEqual(varint(8 * 20 + 1));
      expect(fixed.readBigUInt64LE(2)).toBe(BigInt(number));
    }
  });

  test('has messages within messages, longer than its memory at first', () => {
    const text = 'ä'.repeat(1000);
    const inner = new ProtobufWriter().varint(1, 5).bytes(2, text);
    const outer = new ProtobufWriter().varint(3, 300).bytes(4, inner).finish();
    const body = [8, 5, 0x12, ...varint(2000), ...Buffer.from(text)];
    expect([...outer]).toEqual([24, ...varint(300), 0x22, ...varint(body.length), ...body]);
    expect([...inner.clear().varint(1, 6).finish()]).toEqual([8, 6]);
  });
});

test('the fields of a record are what its line gives, made once', () => {
  const workers = [{ ageMs: 1.23456789, error: new Error('gone') }];
  const record = runRecord('step', {
    gradNorm: Number.NaN,
    loss: -0.5,
    ms: 1 / 3,
    workers,
    text: 'a\u009b\u202eb',
    no: undefined,
  });
  expect(JSON.parse(recordLine(record))).toEqual(JSON.parse(JSON.stringify(recordFields(record))));
  expect(recordFields(record)).toMatchObject({ grad_norm: null, ms: 0.333, text: 'a\u009b\u202eb' });
  expect(recordLine(record)).toContain('a\\u009b\\u202eb');
  const line = recordLine(record);
  workers.pop();
  expect(recordLine(record)).toBe(line);
  expect(recordFields(record).workers).toHaveLength(1);
});
