import { fp16, ints } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { layerNorm } from '../reference-ops.js';
import { random, roundTo, type Tensor, tensor } from '../tensor.js';

const shapes: readonly [number[], number[]][] = [
  [[2, 5, 70], [2]],
  [[1, 48, 1, 33], [1]],
  [
    [3, 4, 5, 6],
    [2, 3],
  ],
  [
    [2, 300],
    [0, 1],
  ],
];

/** `x` with ones in place of the dimensions outside of `axes`. */
const along = (axes: readonly number[], rank: number, x: Tensor): Tensor => {
  const sizes = x.shape.values();
  return {
    ...x,
    shape: Array.from({ length: rank }, (_, d) => (axes.includes(d) ? (sizes.next().value as number) : 1)),
  };
};

export const normalizationCases: readonly OpCase[] = [
  ...shapes.flatMap(([shape, axes], i) =>
    inBothDialects(
      `layer_norm of ${JSON.stringify(shape)} over ${axes}`,
      (p) => {
        const dtype = i % 2 ? 'fp16' : 'fp32';
        const x = random(i, dtype, shape, 3, 5);
        const sizes = axes.map((axis) => shape[axis] as number);
        const [gamma, beta] = [random(i + 9, dtype, sizes, 1, 1), random(i + 20, dtype, sizes, 1)];
        const expected = layerNorm(
          x,
          axes,
          along(axes, shape.length, gamma),
          along(axes, shape.length, beta),
          roundTo(dtype, 1e-3),
        );
        const args = {
          x: p.input(x),
          axes: ints(...axes.map((axis) => axis - shape.length)),
          gamma: p.blob(gamma),
          beta: p.blob(beta),
          epsilon: { type: dtype, value: 1e-3 } as const,
        };
        return [[p.op('layer_norm', args, expected), expected]];
      },
      { tolerance: i % 2 ? 1.5e-3 : 4e-6 },
    ),
  ),
  opCase('layer_norm over all axes, without gamma and beta, of values whose squares are beyond fp16', (p) => {
    const x = random(5, 'fp16', [6, 50], 3000);
    const one = tensor('fp16', [1], [1]);
    const expected = layerNorm(x, [0, 1], one, tensor('fp16', [1], [0]), 1e-5);
    return [[p.op('layer_norm', { x: p.input(x), epsilon: fp16(1e-5) }, expected), expected]];
  }),
];
