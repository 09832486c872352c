import { Arena, ArenaMeter, ArenaScope, Tensor } from '@mayfly/core/testing';
import type { DType } from '@mayfly/native';
import { afterAll, expect, test } from 'vitest';

const arena = new Arena(2 ** 20);
afterAll(() => arena.close());

test.each<[DType, readonly number[], readonly number[]]>([
  [
    'fp16',
    [1, -0.25, 65504, 65520, 1 / 3, 2 ** -24],
    [1, -0.25, 65504, Number.POSITIVE_INFINITY, 1365 / 4096, 2 ** -24],
  ],
  ['fp32', [1, -0.25, 1e39, 1 / 3, 0, -1], [1, -0.25, Number.POSITIVE_INFINITY, Math.fround(1 / 3), 0, -1]],
  ['int32', [1, -2, 2 ** 31, 0, 5, 6], [1, -2, -(2 ** 31), 0, 5, 6]],
  ['bool', [1, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 1]],
  ['uint16', [1, 65535, 0, 7, 8, 9], [1, 65535, 0, 7, 8, 9]],
])('a tensor of %s reads the numbers that were written', (dtype, written, read) => {
  const tensor = arena.tensor(dtype, [2, 3]);
  tensor.set(written);
  const values = tensor.values();
  expect([...values]).toEqual(read);
  expect([...tensor.array()]).toEqual(read);
  tensor.set(1);
  expect([...tensor.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  // A copy.
  expect([...values]).toEqual(read);
});

test('the bits of fp16 are read and written by that name only', () => {
  const tensor = arena.tensor('fp16', [3]);
  tensor.set([1, 0.25, -2]);
  expect([...tensor.bits()]).toEqual([0x3c00, 0x3400, 0xc000]);
  tensor.bits()[1] = 0x7c00;
  expect([...tensor.values()]).toEqual([1, Number.POSITIVE_INFINITY, -2]);
  const single = arena.tensor('fp32', [3]) as unknown as Tensor<'fp16'>;
  expect(() => single.bits()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
});

test('wrong counts, freed tensors and things that are no arena are refused by code', () => {
  const scope = new ArenaScope(arena);
  const tensor = scope.tensor('fp16', [2, 2]);
  const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' });
  for (const wrong of [[1, 2, 3], 'text!', null, undefined, {}]) {
    expect(() => tensor.set(wrong as number[])).toThrow(invalid);
  }
  scope.free();
  for (const use of [() => tensor.set(1), () => tensor.values(), () => tensor.array(), () => tensor.bits()]) {
    expect(use).toThrow(invalid);
  }
  for (const wrong of [undefined, null, {}, 5, new ArrayBuffer(8)]) {
    expect(() => new ArenaScope(wrong as never)).toThrow(invalid);
    expect(() => new Tensor(wrong as never, 0, 'fp16', [1])).toThrow(invalid);
  }
});

test('a scope frees its tensors at the end of its block', () => {
  const before = arena.usedBytes;
  {
    using scope = new ArenaScope(arena);
    scope.tensor('fp32', [100]);
    expect(arena.usedBytes).toBeGreaterThan(before);
  }
  expect(arena.usedBytes).toBe(before);
});

test('tensors lie without holes, across multiples of 4 GiB too, and can be read there', () => {
  const meter = new ArenaMeter();
  const large = [3 * 2 ** 28];
  expect([meter.tensor('fp32', large), meter.tensor('fp32', large)].map(({ offset }) => offset)).toEqual([
    0,
    3 * 2 ** 30,
  ]);
  expect(meter.bytes).toBe(6 * 2 ** 30);
  meter.close();
  const wide = new Arena(5 * 2 ** 30);
  const crossing = new Tensor(wide.native, 2 ** 32 - 4, 'fp32', [2]);
  crossing.set([1, 2]);
  expect([...crossing.at(1, [1]).values(), ...crossing.values()]).toEqual([2, 1, 2]);
  wide.close();
});
