import { bools, int, ints } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { map, reshape, slice, transpose } from '../reference-ops.js';
import { type CaseType, random } from '../tensor.js';

const types: readonly CaseType[] = ['fp16', 'fp32', 'int32', 'bool'];

export const layoutCases: readonly OpCase[] = [
  ...types.flatMap((dtype) =>
    inBothDialects(`identity, reshape with -1 and transpose of ${dtype}`, (p) => {
      const x = random(1, dtype, [2, 15, 70]);
      const same = p.op('identity', { x: p.input(x) }, x);
      const reshaped = reshape(x, [6, 5, 70]);
      const y = p.op('reshape', { x: same, shape: ints(6, -1, 70) }, reshaped);
      const expected = transpose(reshaped, [2, 0, 1]);
      return [[p.op('transpose', { x: y, perm: ints(2, 0, -2) }, expected), expected]];
    }),
  ),
  opCase(
    'reshape: 0 counts from the left before iOS 17',
    (p) => {
      const x = random(1, 'fp16', [2, 3, 4, 5]);
      const expected = reshape(x, [2, 6, 2, 5]);
      return [[p.op('reshape', { x: p.input(x), shape: ints(0, 6, -1, 0) }, expected), expected]];
    },
    { dialect: 'ios16' },
  ),
  opCase('reshape: 0 counts from the right since iOS 17', (p) => {
    const x = random(1, 'fp16', [2, 3, 4, 5]);
    const expected = reshape(x, [6, 4, 5]);
    return [[p.op('reshape', { x: p.input(x), shape: ints(-1, 0, 0) }, expected), expected]];
  }),
  opCase('a reshape of a transposed value copies', (p) => {
    const x = random(1, 'fp16', [3, 40, 50]);
    const turned = transpose(x, [0, 2, 1]);
    const y = p.op('transpose', { x: p.input(x), perm: ints(0, 2, 1) }, turned);
    const expected = reshape(turned, [150, 40]);
    return [[p.op('reshape', { x: y, shape: ints(150, 40) }, expected), expected]];
  }),
  opCase('a computed value is written transposed for the reshape that follows', (p) => {
    const x = random(1, 'fp16', [3, 40, 50]);
    const doubled = map('fp16', (v) => v + v, x);
    const name = p.input(x);
    const sum = p.op('add', { x: name, y: name }, x);
    const turned = transpose(doubled, [0, 2, 1]);
    const y = p.op('transpose', { x: sum, perm: ints(0, 2, 1) }, turned);
    const expected = reshape(turned, [150, 40]);
    return [
      [p.op('reshape', { x: y, shape: ints(150, 40) }, expected), expected],
      [sum, doubled],
    ];
  }),
  ...inBothDialects('expand_dims and squeeze', (p) => {
    const x = random(1, 'fp16', [3, 1, 7]);
    const expanded = reshape(x, [1, 3, 1, 1, 7]);
    const y = p.op('expand_dims', { x: p.input(x), axes: ints(0, -2) }, expanded);
    const some = reshape(x, [3, 1, 7]);
    const all = reshape(x, [3, 7]);
    return [
      [p.op('squeeze', { x: y, axes: ints(0, 1, -2) }, some), some],
      [p.op('squeeze', { x: y }, all), all],
    ];
  }),
  ...inBothDialects('slice_by_size to the end', (p) => {
    const x = random(1, 'fp16', [4, 9, 33]);
    const expected = slice(x, [1, 2, 5], [2, 7, 28]);
    return [
      [p.op('slice_by_size', { x: p.input(x), begin: ints(1, 2, 5), size: ints(2, -1, -1) }, expected), expected],
    ];
  }),
  ...inBothDialects('slice_by_index with strides, masks and squeezed dimensions', (p) => {
    const x = random(1, 'int32', [4, 9, 33, 5], 1000);
    const args = {
      x: p.input(x),
      begin: ints(-3, 7, 30, 2),
      end: ints(4, 0, 3, 0),
      stride: ints(2, -2, -5, 1),
      begin_mask: bools(false, false, true, false),
      end_mask: bools(false, true, false, false),
      squeeze_mask: bools(false, false, false, true),
    };
    const taken = slice(x, [1, 7, 32, 2], [2, 4, 6, 1], [2, -2, -5, 1]);
    const expected = reshape(taken, [2, 4, 6]);
    return [[p.op('slice_by_index', args, expected), expected]];
  }),
  opCase('split into equal parts', (p) => {
    const x = random(1, 'fp16', [2, 12, 5]);
    const parts = [0, 4, 8].map((begin) => slice(x, [0, begin, 0], [2, 4, 5]));
    const names = p.ops('split', { x: p.input(x), axis: int(1), num_splits: int(3) }, parts);
    return names.map((name, i) => [name, parts[i]!] as const);
  }),
  ...inBothDialects('split by sizes', (p) => {
    const x = random(1, 'fp32', [2, 12, 5]);
    const sizes = [3, 1, 8];
    const parts = sizes.map((count, i) => slice(x, [0, [0, 3, 4][i]!, 0], [2, count, 5]));
    const names = p.ops('split', { x: p.input(x), axis: int(-2), split_sizes: ints(...sizes) }, parts);
    return names.map((name, i) => [name, parts[i]!] as const);
  }),
];
