import { MilBuilder } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { fromHalf, toHalf } from '../../fixtures/half.js';
import { arena, compile, compileError, device, program } from '../../fixtures/mil-compile.js';

/** What a literal of the text is on the device: the bytes of the constant. */
function bitsOf(dtype: 'fp16' | 'fp32' | 'int32', literal: string): number {
  const type = `tensor<${dtype}, [1]>`;
  const text = program(`${type} y = const()[val = ${type}([${literal}])];`, 'tensor<fp16, [1]> x');
  const info = compile(text);
  device.evaluate(info.program, [0, 64]);
  device.unload(info.program);
  const bytes = arena.view(64, 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4);
  return dtype === 'fp16' ? view.getUint16(0, true) : view.getUint32(0, true);
}

const literalError = (dtype: string, literal: string) =>
  compileError(program(`${dtype} y = const()[val = ${dtype}(${literal})];`, 'tensor<fp16, [1]> x'));

/** Doubles beside a tie of fp16, with the nearest. */
const besideTies: [string, number][] = [
  ['1.00048828125', 0x3c00],
  ['1.0004882812500001', 0x3c00],
  ['1.0004882812500002', 0x3c01],
  ['1.0004882812500004', 0x3c01],
  ['1.0014648437499998', 0x3c01],
  ['1.00146484375', 0x3c02],
  ['-1.0004882812500004', 0xbc01],
  ['2.9802322387695312e-08', 0x0000],
  ['2.980232238769532e-08', 0x0001],
  ['0x1.002p0', 0x3c00],
  ['0x1.0020000000001p0', 0x3c01],
  ['65519.99999999999', 0x7bff],
  ['1e-400', 0x0000],
  ['-1e-400', 0x8000],
  ['inf', 0x7c00],
  ['-inf', 0xfc00],
];

describe('fp16 literals are rounded once', () => {
  test.each(besideTies)('%s', (literal, bits) => {
    expect(bitsOf('fp16', literal).toString(16)).toBe(bits.toString(16));
  });

  test.each(besideTies.filter(([literal]) => !/^0x|inf/.test(literal)))('%s in TypeScript', (literal, bits) => {
    expect(toHalf(Number(literal)).toString(16)).toBe(bits.toString(16));
  });

  test('and so are the ones that the builder writes', () => {
    const b = new MilBuilder({ dialect: 'ios18' });
    const x = b.input('x', 'fp16', [1, 1]);
    b.output('y', b.mul(x, 1.0004882812500004));
    expect(b.build().text).toContain('0x1.004p+0');
  });

  test('every fp16, and the doubles on both sides of the middle between two', () => {
    const wrong: number[] = [];
    const view = new DataView(new ArrayBuffer(8));
    const beside = (value: number, by: bigint) => {
      view.setFloat64(0, value);
      view.setBigInt64(0, view.getBigInt64(0) + by);
      return view.getFloat64(0);
    };
    for (let half = 0; half < 0x7bff; half++) {
      const middle = (fromHalf(half) + fromHalf(half + 1)) / 2;
      const nearest = [beside(middle, -1n), middle, beside(middle, 1n)].map(toHalf);
      const expected = [half, half % 2 === 0 ? half : half + 1, half + 1];
      if (toHalf(fromHalf(half)) !== half || String(nearest) !== String(expected)) wrong.push(half);
    }
    expect(wrong).toEqual([]);
    expect([toHalf(Number.NaN) & 0x7fff, toHalf(1e300), toHalf(-1e300), toHalf(65_520)]).toEqual([
      0x7e00, 0x7c00, 0xfc00, 0x7c00,
    ]);
  });
});

test('fp32 literals and integers', () => {
  expect(bitsOf('fp32', '0.1')).toBe(0x3dcccccd);
  expect(bitsOf('fp32', '3.4028234663852886e38')).toBe(0x7f7fffff);
  expect(bitsOf('fp32', 'inf')).toBe(0x7f800000);
  expect(bitsOf('int32', '-2147483648')).toBe(0x80000000);
});

test.each([
  ['fp16', '70000'],
  ['fp16', '65520'],
  ['fp16', '-65520'],
  ['fp16', '1e300'],
  ['fp16', '0x1p16'],
  ['fp16', '1e999'],
  ['fp32', '1e39'],
  ['fp32', '-3.4028236e38'],
  ['fp32', '1e999'],
  ['int32', '2147483648'],
  ['int32', '1e999'],
  ['uint8', '256'],
])('a finite literal beyond its type is refused: %s(%s)', (dtype, literal) => {
  const error = literalError(dtype, literal);
  expect(error).toMatchObject({ code: 'ERR_MIL_TYPE', line: 4 });
  expect(error.message).toContain(`Expected a value of ${dtype}, got \`${literal}\``);
});

test('a number is one to its end', () => {
  for (const literal of ['1..2', '0x', '1.5.', '0x1p', '--1']) {
    expect(literalError('fp32', literal).code, literal).toMatch(/^ERR_MIL_(TYPE|SYNTAX)$/);
  }
});
