import { bool, ints, text } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { pool, samePads, sum } from '../reference-ops.js';
import { random, tensor } from '../tensor.js';

interface PoolCase {
  readonly x: number[];
  readonly kernel: number[];
  readonly strides?: number[];
  readonly padType?: 'valid' | 'same' | 'same_lower' | 'custom';
  readonly pads?: number[];
  readonly ceil?: boolean;
}

const cases: readonly PoolCase[] = [
  { x: [1, 3, 8, 10], kernel: [2, 2], strides: [2, 2] },
  { x: [2, 3, 9, 7], kernel: [3, 2], strides: [2, 1], padType: 'same' },
  { x: [2, 3, 9, 7], kernel: [3, 2], strides: [2, 1], padType: 'same_lower' },
  { x: [1, 2, 6, 6], kernel: [3, 3], strides: [2, 2], padType: 'custom', pads: [1, 1, 1, 1] },
  { x: [1, 2, 6, 6], kernel: [3, 3], strides: [2, 2], padType: 'custom', pads: [1, 1, 1, 1], ceil: true },
  { x: [1, 2, 7, 8], kernel: [2, 3], strides: [3, 4], ceil: true },
  { x: [2, 3, 50], kernel: [5], strides: [3], padType: 'custom', pads: [0, 2] },
  { x: [1, 2, 4, 5, 6], kernel: [2, 3, 2], strides: [1, 2, 2] },
  { x: [1, 40, 7, 7], kernel: [7, 7] },
];

interface Kind {
  readonly name: string;
  readonly exclude?: boolean;
  readonly of: (values: number[], places: number) => number;
}

const kinds: readonly Kind[] = [
  { name: 'max_pool', of: (values) => Math.max(...values) },
  { name: 'avg_pool', of: (values, places) => sum(values) / places },
  { name: 'avg_pool', exclude: true, of: (values) => sum(values) / values.length },
];

export const poolingCases: readonly OpCase[] = [
  ...kinds.flatMap(({ name, exclude, of }) =>
    cases.flatMap(({ x: shape, kernel, strides = kernel.map(() => 1), padType = 'valid', pads, ceil }, i) =>
      inBothDialects(
        `${name} ${padType}${ceil ? ' ceil' : ''} of ${JSON.stringify(shape)}${exclude ? ' without padding' : ''}`,
        (p) => {
          const x = random(i, i % 2 ? 'fp32' : 'fp16', shape, 3, -1);
          const none = kernel.flatMap(() => [0, 0]);
          const same = padType === 'same' || padType === 'same_lower';
          const ones = kernel.map(() => 1);
          const given = same
            ? samePads(shape.slice(2), kernel, strides, ones, padType === 'same_lower')
            : (pads ?? none);
          const expected = pool(x, { kernel, strides, pads: given, ceil: ceil ?? false }, of);
          const args = {
            x: p.input(x),
            kernel_sizes: ints(...kernel),
            strides: ints(...strides),
            pad_type: text(padType),
            pad: ints(...(pads ?? none)),
            ceil_mode: bool(ceil ?? false),
            ...(exclude === undefined ? {} : { exclude_padding_from_average: bool(exclude) }),
          };
          return [[p.op(name, args, expected), expected]];
        },
      ),
    ),
  ),
  opCase('avg_pool of a window whose sum is beyond the range of fp16', (p) => {
    const x = tensor('fp16', [1, 1, 4, 4], Array<number>(16).fill(60000));
    const expected = tensor('fp16', [1, 1, 1, 1], [60000]);
    return [
      [p.op('avg_pool', { x: p.input(x), kernel_sizes: ints(4, 4), pad_type: text('valid') }, expected), expected],
    ];
  }),
];
