import { bool, int, ints, text } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { type ConvOptions, conv, map, matmul, samePads } from '../reference-ops.js';
import { random } from '../tensor.js';

interface MatmulShape {
  readonly x: number[];
  readonly y: number[];
  readonly tx?: boolean;
  readonly ty?: boolean;
}

const matmuls: readonly MatmulShape[] = [
  { x: [5, 7], y: [7, 3] },
  { x: [1, 1], y: [1, 1] },
  { x: [37, 65], y: [65, 83] },
  { x: [65, 37], y: [83, 65], tx: true, ty: true },
  { x: [1, 1, 40, 33], y: [1, 1, 40, 21], tx: true },
  { x: [2, 3, 17, 9], y: [2, 3, 19, 9], ty: true },
  { x: [2, 3, 5, 7], y: [7, 4] },
  { x: [2, 1, 5, 7], y: [3, 7, 4] },
  { x: [2, 4, 3, 6, 8], y: [2, 4, 1, 8, 5] },
  { x: [1, 300], y: [300, 1] },
  { x: [3, 600], y: [600, 2] },
  // A row or a column: matrices with contiguous rows, then with contiguous columns, of sizes beside those of vectors.
  { x: [259, 77], y: [77, 1] },
  { x: [77, 67], y: [77, 1], tx: true },
  { x: [1, 77], y: [130, 77], ty: true },
  { x: [1, 35], y: [35, 133] },
  { x: [2, 3, 1, 40], y: [2, 1, 9, 40], ty: true },
];

/** Whether the product has one row or one column. */
const isMatrixVector = ({ x, y, tx, ty }: MatmulShape): boolean => x.at(tx ? -1 : -2) === 1 || y.at(ty ? -2 : -1) === 1;

interface ConvCase {
  readonly x: number[];
  readonly weight: number[];
  readonly strides?: number[];
  readonly dilations?: number[];
  readonly groups?: number;
  readonly padType?: 'valid' | 'same' | 'same_lower' | 'custom';
  readonly pads?: number[];
  readonly bias?: boolean;
}

const convs: readonly ConvCase[] = [
  { x: [1, 20, 1, 37], weight: [13, 20, 1, 1] },
  { x: [3, 20, 2, 9], weight: [12, 5, 1, 1], groups: 4, bias: true },
  { x: [1, 6, 8, 9], weight: [4, 6, 1, 1], strides: [2, 3] },
  { x: [1, 6, 1, 9], weight: [4, 6, 1, 1], strides: [1, 2], bias: true },
  { x: [2, 3, 11, 13], weight: [5, 3, 3, 2] },
  {
    x: [2, 4, 11, 13],
    weight: [6, 2, 3, 3],
    groups: 2,
    strides: [2, 1],
    dilations: [1, 2],
    padType: 'custom',
    pads: [1, 0, 2, 3],
  },
  { x: [1, 5, 9, 9], weight: [5, 1, 3, 3], groups: 5, padType: 'same', bias: true },
  { x: [1, 2, 10, 7], weight: [3, 2, 4, 2], strides: [3, 2], padType: 'same' },
  { x: [1, 2, 10, 7], weight: [3, 2, 4, 2], strides: [3, 2], padType: 'same_lower' },
  { x: [2, 3, 50], weight: [4, 3, 5], strides: [2], padType: 'custom', pads: [2, 2] },
  { x: [2, 3, 50], weight: [4, 3, 1] },
  { x: [1, 2, 4, 5, 6], weight: [3, 2, 2, 3, 2] },
];

function convCase(c: ConvCase, dtype: 'fp16' | 'fp32', constant: boolean): OpCase {
  const spatial = c.x.length - 2;
  const ones = Array.from({ length: spatial }, () => 1);
  const zeros = Array.from({ length: 2 * spatial }, () => 0);
  const { strides = ones, dilations = ones, groups = 1, padType = 'valid' } = c;
  const kernel = c.weight.slice(2);
  const same = padType === 'same' || padType === 'same_lower';
  const pads = same ? samePads(c.x.slice(2), kernel, strides, dilations, padType === 'same_lower') : (c.pads ?? zeros);
  const name = `conv of ${dtype} ${JSON.stringify(c.x)} with ${constant ? 'constant ' : ''}${JSON.stringify(c.weight)} ${padType}`;
  return opCase(
    name,
    (p) => {
      const x = random(1, dtype, c.x);
      const weight = random(2, dtype, c.weight, 0.5);
      const bias = random(3, dtype, [c.weight[0] as number]);
      const options: ConvOptions = { strides, dilations, groups, pads, ...(c.bias ? { bias } : {}) };
      const expected = conv(x, weight, options);
      const args = {
        dilations: ints(...dilations),
        groups: int(groups),
        pad: ints(...(c.pads ?? zeros)),
        pad_type: text(padType),
        strides: ints(...strides),
        weight: constant ? p.blob(weight) : p.input(weight),
        x: p.input(x),
        ...(c.bias ? { bias: p.constant(bias) } : {}),
      };
      return [[p.op('conv', args, expected), expected]];
    },
    { tolerance: dtype === 'fp16' ? 2e-3 : 5e-6 },
  );
}

const linears: readonly [number[], number][] = [
  [[9, 40], 33],
  [[2, 5, 70], 7],
  [[40], 3],
];

export const productCases: readonly OpCase[] = [
  ...linears.flatMap(([shape, out], i) =>
    [false, true].flatMap((biased) =>
      inBothDialects(
        `linear of ${JSON.stringify(shape)} to ${out}${biased ? ' with a bias' : ''}`,
        (p) => {
          const dtype = i === 1 ? 'fp32' : 'fp16';
          const x = random(i, dtype, shape, 1);
          const weight = random(i + 9, dtype, [out, shape.at(-1) as number], 1);
          const bias = random(i + 18, dtype, [out], 4);
          const rows = matmul({ ...x, shape: shape.length === 1 ? [1, ...shape] : shape }, weight, false, true);
          const expected = { ...rows, shape: [...shape.slice(0, -1), out] };
          const sum = biased ? map(dtype, (a, b) => a + b, expected, bias) : expected;
          const args = { x: p.input(x), weight: p.blob(weight), ...(biased ? { bias: p.blob(bias) } : {}) };
          return [[p.op('linear', args, sum), sum]];
        },
        { tolerance: i === 1 ? 5e-6 : 2e-3 },
      ),
    ),
  ),
  ...matmuls.flatMap((c, i) =>
    (['fp16', 'fp32'] as const).map((dtype) =>
      opCase(
        `matmul of ${dtype} ${JSON.stringify(c.x)} and ${JSON.stringify(c.y)}${c.tx ? ' xᵀ' : ''}${c.ty ? ' yᵀ' : ''}`,
        (p) => {
          const [x, y] = [random(i, dtype, c.x, 1), random(i + 50, dtype, c.y, 1)];
          const expected = matmul(x, y, c.tx, c.ty);
          const args = {
            transpose_x: bool(c.tx ?? false),
            transpose_y: bool(c.ty ?? false),
            x: p.input(x),
            y: p.input(y),
          };
          return [[p.op('matmul', args, expected), expected]];
        },
        { tolerance: dtype === 'fp16' ? 2e-3 : 5e-6, isOrdered: !isMatrixVector(c) },
      ),
    ),
  ),
  ...convs.flatMap((c) => [convCase(c, 'fp16', true), convCase(c, 'fp32', false)]),
  ...inBothDialects('matmul by a constant in the weight file', (p) => {
    const [x, w] = [random(1, 'fp16', [1, 1, 24, 31], 1), random(2, 'fp16', [1, 1, 31, 18], 1)];
    const expected = matmul(x, w);
    return [
      [
        p.op('matmul', { transpose_x: bool(false), transpose_y: bool(false), x: p.input(x), y: p.blob(w) }, expected),
        expected,
      ],
    ];
  }),
];
