import { bool, int, ints } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { concat, gather, map, matmul, slice, tile } from '../reference-ops.js';
import { random, tensor } from '../tensor.js';

export const assemblyCases: readonly OpCase[] = [
  ...[0, 1, 2].map((axis) =>
    opCase(`concat along ${axis}`, (p) => {
      const shapes = [1, 3, 17].map((extent) => [4, 5, 6].with(axis, extent));
      const parts = shapes.map((shape, i) => random(i, 'fp16', shape));
      const expected = concat(parts, axis);
      const args = { axis: int(axis - 3), interleave: bool(false), values: parts.map((part) => p.input(part)) };
      return [[p.op('concat', args, expected), expected]];
    }),
  ),
  ...inBothDialects('concat that interleaves', (p) => {
    const parts = [1, 2, 3].map((seed) => random(seed, 'int32', [3, 5, 2], 100));
    const expected = concat(parts, 1, true);
    const args = { axis: int(1), interleave: bool(true), values: parts.map((part) => p.input(part)) };
    return [[p.op('concat', args, expected), expected]];
  }),
  opCase('concat of computed values, one of them twice, one also a result', (p) => {
    const x = random(1, 'fp16', [1, 6, 1, 35]);
    const name = p.input(x);
    const doubled = map('fp16', (v) => 2 * v, x);
    const y = p.op('add', { x: name, y: name }, x);
    const part = slice(doubled, [0, 2, 0, 0], [1, 3, 1, 35]);
    const z = p.op('slice_by_size', { x: y, begin: ints(0, 2, 0, 0), size: ints(1, 3, 1, 35) }, part);
    const expected = concat([doubled, part, doubled, x], 1);
    const args = { axis: int(1), interleave: bool(false), values: [y, z, y, name] };
    return [
      [p.op('concat', args, expected), expected],
      [y, doubled],
    ];
  }),
  opCase('concat of concats along the last axis, written in place', (p) => {
    const [x, w] = [random(1, 'fp16', [9, 12], 1), random(2, 'fp16', [12, 7], 1)];
    const product = matmul(x, w);
    const [a, b] = [p.input(x), p.input(w)];
    const y = p.op('matmul', { x: a, y: b, transpose_x: bool(false), transpose_y: bool(false) }, product);
    const inner = concat([product, x], 1);
    const i = p.op('concat', { axis: int(1), interleave: bool(false), values: [y, a] }, inner);
    const outer = concat([x, inner, x], 1);
    return [[p.op('concat', { axis: int(1), interleave: bool(false), values: [a, i, a] }, outer), outer]];
  }),
  ...(['fp16', 'int32', 'bool'] as const).map((dtype) =>
    opCase(`tile of ${dtype}`, (p) => {
      const x = random(1, dtype, [2, 3, 5], 9);
      const expected = tile(x, [3, 1, 4]);
      return [[p.op('tile', { x: p.input(x), reps: ints(3, 1, 4) }, expected), expected]];
    }),
  ),
  ...[0, 1, 2].map((axis) =>
    opCase(`gather along ${axis}`, (p) => {
      const x = random(1, 'fp16', [6, 7, 8]);
      const indices = tensor('int32', [2, 3], [5, 0, 1, 1, 3, 2]);
      const expected = gather(x, indices, axis);
      return [[p.op('gather', { x: p.input(x), indices: p.input(indices), axis: int(axis) }, expected), expected]];
    }),
  ),
  opCase(
    'gather with one constant index; negative ones count from the end before iOS 17',
    (p) => {
      const x = random(1, 'fp32', [6, 7]);
      const index = tensor('int32', [1], [-2]);
      const expected = gather(x, index, 0);
      return [[p.op('gather', { x: p.input(x), indices: p.constant(index), axis: int(0) }, expected), expected]];
    },
    { dialect: 'ios16' },
  ),
];
