import { fp16, text } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { erf, map } from '../reference-ops.js';
import { type CaseType, random, roundTo, type Tensor, tensor } from '../tensor.js';

type Binary = (a: number, b: number) => number;

const arithmetic: Readonly<Record<string, Binary>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  real_div: (a, b) => a / b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
};

const comparisons: Readonly<Record<string, Binary>> = {
  equal: (a, b) => Number(a === b),
  not_equal: (a, b) => Number(a !== b),
  less: (a, b) => Number(a < b),
  less_equal: (a, b) => Number(a <= b),
  greater: (a, b) => Number(a > b),
  greater_equal: (a, b) => Number(a >= b),
};

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const unary: Readonly<Record<string, (x: number) => number>> = {
  exp: Math.exp,
  sigmoid,
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  erf,
  relu: (x) => Math.max(0, x),
  abs: Math.abs,
  square: (x) => x * x,
  round: (x) => Math.round(x),
};

function binaryCase(name: string, f: Binary, x: Tensor, y: Tensor, result: CaseType = x.dtype): OpCase {
  return opCase(`${name} of ${x.dtype} ${JSON.stringify(x.shape)} and ${JSON.stringify(y.shape)}`, (p) => {
    const expected = map(result, f, x, y);
    return [[p.op(name, { x: p.input(x), y: p.input(y) }, expected), expected]];
  });
}

/** Small results count as much as large ones: fp32 within 4 units in the last place, fp16 within 1. */
const unaryAccuracy = {
  fp16: { tolerance: 2 ** -10, floor: 2 ** -14 },
  fp32: { tolerance: 2 ** -22, floor: 2 ** -126 },
} as const;

function unaryCase(
  name: string,
  f: (x: number) => number,
  x: Tensor<'fp16' | 'fp32'>,
  args: Record<string, ReturnType<typeof fp16>> = {},
): OpCase {
  return opCase(
    `${name} of ${x.dtype} ${JSON.stringify(x.shape)}`,
    (p) => {
      const expected = map(x.dtype, f, x);
      return [[p.op(name, { x: p.input(x), ...args }, expected), expected]];
    },
    unaryAccuracy[x.dtype],
  );
}

const floats = ['fp16', 'fp32'] as const;
/** Right-aligned broadcasting in every direction, sizes that fill no vector. */
const shapePairs: readonly [number[], number[]][] = [
  [
    [1, 5, 1, 67],
    [1, 5, 1, 67],
  ],
  [
    [1, 5, 1, 67],
    [1, 5, 1, 1],
  ],
  [
    [1, 1, 1, 67],
    [1, 5, 1, 67],
  ],
  [
    [3, 1, 7],
    [5, 1],
  ],
  [
    [2, 3, 4, 5],
    [4, 1],
  ],
  [[1000], [1]],
];

/** The formulas of coremltools, evaluated in float64. */
const gelus: Readonly<Record<string, (x: number) => number>> = {
  EXACT: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  TANH_APPROXIMATION: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
  SIGMOID_APPROXIMATION: (x) => x * sigmoid(1.702 * x),
};

export const elementwiseCases: readonly OpCase[] = [
  ...Object.entries(arithmetic).flatMap(([name, f]) =>
    floats.flatMap((dtype) =>
      shapePairs.map(([a, b], i) =>
        binaryCase(name, f, random(i, dtype, a), random(i + 9, dtype, b, 1, name === 'real_div' ? 2 : 0)),
      ),
    ),
  ),
  ...['add', 'sub', 'mul', 'maximum', 'minimum'].map((name) =>
    binaryCase(name, arithmetic[name] as Binary, random(3, 'int32', [4, 33], 1000), random(4, 'int32', [33], 1000)),
  ),
  ...Object.entries(comparisons).flatMap(([name, f]) => [
    binaryCase(name, f, random(5, 'int32', [9, 21], 3), random(6, 'int32', [9, 1], 3), 'bool'),
    binaryCase(
      name,
      f,
      map('fp16', Math.round, random(5, 'fp16', [9, 21], 3)),
      map('fp16', Math.round, random(6, 'fp16', [21], 3)),
      'bool',
    ),
  ]),
  ...Object.entries(unary).flatMap(([name, f]) =>
    floats.map((dtype) => unaryCase(name, f, random(7, dtype, [3, 1, 113], 6))),
  ),
  unaryCase('erf', erf, tensor('fp32', [9], [-Infinity, -9, -1, -1e-7, 0, 0.999, 3.9, 4.1, Infinity])),
  unaryCase('erf', (x) => x, tensor('fp16', [1], [Number.NaN])),
  ...Object.entries(gelus).flatMap(([mode, f]) =>
    floats.flatMap((dtype) =>
      inBothDialects(`gelu ${mode} of ${dtype}`, (p) => {
        const x = random(8, dtype, [3, 1, 113], 6);
        const expected = map(dtype, f, x);
        return [[p.op('gelu', { x: p.input(x), mode: text(mode) }, expected), expected]];
      }),
    ),
  ),
  opCase('gelu without a mode', (p) => {
    const x = random(9, 'fp16', [40], 3);
    const expected = map('fp16', gelus.EXACT as (x: number) => number, x);
    return [[p.op('gelu', { x: p.input(x) }, expected), expected]];
  }),
  ...floats.map((dtype) => unaryCase('sqrt', Math.sqrt, random(8, dtype, [77], 2, 2))),
  unaryCase('rsqrt', (x) => 1 / Math.sqrt(x + roundTo('fp16', 0.001)), random(9, 'fp16', [77], 2, 2.1), {
    epsilon: fp16(0.001),
  }),
  unaryCase('log', (x) => Math.log(x + roundTo('fp16', 0.5)), random(9, 'fp16', [77], 2, 2), { epsilon: fp16(0.5) }),
  unaryCase('clip', (x) => Math.min(Math.max(x, -0.5), 0.25), random(9, 'fp16', [77]), {
    alpha: fp16(-0.5),
    beta: fp16(0.25),
  }),
  unaryCase('exp', Math.exp, tensor('fp32', [8], [-Infinity, -200, -103, -87.5, 0, 88.5, 100, Infinity])),
  unaryCase('tanh', Math.tanh, tensor('fp32', [6], [-Infinity, -9, 1e-7, 0.6, 0.7, Infinity])),
  unaryCase('relu', (x) => Math.max(0, x), tensor('fp16', [3], [Number.NaN, -1, 1])),
  ...[-0.5, 0.5, 2, -1, 3].map((exponent) =>
    opCase(`pow ${exponent}`, (p) => {
      const x = random(10, 'fp16', [5, 41], 1, 1.5);
      const expected = map('fp16', (value) => value ** exponent, x);
      return [[p.op('pow', { x: p.input(x), y: p.parameter(fp16(exponent)) }, expected), expected]];
    }),
  ),
  binaryCase('pow', (a, b) => a ** b, random(11, 'fp32', [6, 31], 1, 1.2), random(12, 'fp32', [31], 2)),
  opCase('select with three shapes', (p) => {
    const [cond, a, b] = [random(1, 'bool', [4, 1, 19]), random(2, 'fp16', [3, 1]), random(3, 'fp16', [1, 3, 19])];
    const expected = map('fp16', (c, x, y) => (c ? x : y), cond, a, b);
    return [[p.op('select', { cond: p.input(cond), a: p.input(a), b: p.input(b) }, expected), expected]];
  }),
  ...(
    [
      ['fp16', 'fp32', (x) => x],
      ['fp32', 'fp16', (x) => roundTo('fp16', x)],
      ['fp32', 'int32', Math.trunc],
      ['fp16', 'bool', (x) => Number(x !== 0)],
      ['int32', 'fp16', (x) => x],
      ['int32', 'bool', (x) => Number(x !== 0)],
      ['bool', 'fp16', (x) => x],
    ] as readonly [CaseType, CaseType, (x: number) => number][]
  ).flatMap(([from, to, f]) =>
    inBothDialects(`cast ${from} to ${to}`, (p) => {
      const x = random(13, from, [3, 45], 3);
      const expected = map(to, f, x);
      return [[p.op('cast', { x: p.input(x), dtype: text(to) }, expected), expected]];
    }),
  ),
  opCase('a cast to fp16 rounds within a chain: overflow, subnormal numbers, ties', (p) => {
    const x = tensor(
      'fp32',
      [9],
      [65519, 65520, -1e6, 1e-7, 2 ** -25, 3 * 2 ** -26, 1 + 2 ** -11, 1 + 3 * 2 ** -11, Number.NaN],
    );
    const half = map('fp16', (value) => roundTo('fp16', value), x);
    const name = p.op('cast', { x: p.input(x), dtype: text('fp16') }, half);
    const expected: Tensor = { ...half, dtype: 'fp32' };
    return [[p.op('cast', { x: name, dtype: text('fp32') }, expected), expected]];
  }),
];
