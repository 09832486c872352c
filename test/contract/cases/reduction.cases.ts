import { bool, int, ints } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { map, mean, reduce, softmax, sum } from '../reference-ops.js';
import { random, type Tensor } from '../tensor.js';

const folds: Readonly<Record<string, (values: number[]) => number>> = {
  reduce_sum: sum,
  reduce_mean: mean,
  reduce_max: (values) => Math.max(...values),
  reduce_min: (values) => Math.min(...values),
};

/** Rows, columns, columns of short rows, everything, several axes that are not neighbours. */
const axesOf: readonly [number[], number[]][] = [
  [[1, 37, 1, 70], [1]],
  [[3, 5, 301], [2]],
  [[3, 5, 7], [2]],
  [
    [6, 50],
    [0, 1],
  ],
  [
    [4, 5, 6, 35],
    [0, 2],
  ],
  [
    [4, 5, 6, 35],
    [1, 3],
  ],
  [[1, 1], [0]],
];

export const reductionCases: readonly OpCase[] = [
  ...Object.entries(folds).flatMap(([name, f]) =>
    axesOf.flatMap(([shape, axes], i) =>
      [true, false].map((keep) =>
        opCase(
          `${name} of ${JSON.stringify(shape)} over ${axes}${keep ? ', kept' : ''}`,
          (p) => {
            const x = random(i, i % 2 ? 'fp32' : 'fp16', shape, 0.5);
            const expected = reduce(x, axes, keep, f);
            const args = {
              x: p.input(x),
              axes: ints(...axes.map((axis) => axis - shape.length)),
              keep_dims: bool(keep),
            };
            return [[p.op(name, args, expected), expected]];
          },
          { tolerance: i % 2 ? 2e-6 : 2e-3 },
        ),
      ),
    ),
  ),
  ...['reduce_sum', 'reduce_max', 'reduce_min'].flatMap((name) =>
    [0, 1].map((axis) =>
      opCase(`${name} of int32 over ${axis}`, (p) => {
        const x = random(1, 'int32', [40, 50], 1e6);
        const expected = reduce(x, [axis], false, folds[name] as (values: number[]) => number);
        return [[p.op(name, { x: p.input(x), axes: ints(axis), keep_dims: bool(false) }, expected), expected]];
      }),
    ),
  ),
  opCase('reduce_sum of a chain keeps squares beyond the range of fp16', (p) => {
    const x = random(3, 'fp16', [1, 40, 1, 33], 50, 400);
    const name = p.input(x);
    const squares = p.op('mul', { x: name, y: name }, x);
    const scaled = p.op('mul', { x: squares, y: p.constant({ dtype: 'fp16', shape: [1], data: [2 ** -12] }) }, x);
    const expected = reduce(
      map('fp16', (v) => v * v * 2 ** -12, x),
      [1],
      true,
      sum,
    );
    return [[p.op('reduce_sum', { x: scaled, axes: ints(1), keep_dims: bool(true) }, expected), expected]];
  }),
  ...(
    [
      [[3, 4, 67], 2],
      [[3, 40, 9], 1],
      [[2, 700], 1],
      [[5, 1], 1],
    ] as const
  ).flatMap(([shape, axis], i) =>
    inBothDialects(`softmax of ${JSON.stringify(shape)} along ${axis}`, (p) => {
      const x = random(i, 'fp16', shape, 8);
      const expected = softmax(x, axis);
      return [[p.op('softmax', { x: p.input(x), axis: int(axis - shape.length) }, expected), expected]];
    }),
  ),
  opCase('softmax of scaled and masked scores', (p) => {
    const scores = random(1, 'fp16', [2, 3, 17, 17], 8);
    const mask: Tensor = {
      dtype: 'fp16',
      shape: [17, 17],
      data: Array.from({ length: 289 }, (_, i) => (i % 17 <= Math.floor(i / 17) ? 0 : -65504)),
    };
    const scale: Tensor = { dtype: 'fp16', shape: [], data: [0.25] };
    const scaled = p.op('mul', { x: p.input(scores), y: p.parameter({ type: 'fp16', value: 0.25 }) }, scores);
    const masked = p.op('add', { x: scaled, y: p.blob(mask) }, scores);
    const expected = softmax(
      map('fp16', (s, f, m) => s * f + m, scores, scale, mask),
      3,
    );
    return [[p.op('softmax', { x: masked, axis: int(-1) }, expected), expected]];
  }),
];
