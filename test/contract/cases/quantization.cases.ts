import { fp16, int, ints, text } from '../mil-text.js';
import { inBothDialects, type OpCase, opCase } from '../op-case.js';
import { conv, map } from '../reference-ops.js';
import { random, type Tensor, tensor } from '../tensor.js';

type Quantized = 'int8' | 'uint8';

/** Ties to even, as numpy rounds. */
function rounded(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

const range: Readonly<Record<Quantized, readonly [number, number]>> = { int8: [-128, 127], uint8: [0, 255] };

function quantized(dtype: Quantized, x: Tensor, scale: Tensor, zeroPoint?: Tensor): Tensor {
  const [low, high] = range[dtype];
  const zeros = zeroPoint ?? tensor('int32', [], [0]);
  return map(dtype, (a, s, z) => Math.min(high, Math.max(low, rounded(a / s) + z)), x, scale, zeros);
}

const dequantized = (dtype: 'fp16' | 'fp32', q: Tensor, scale: Tensor, zeroPoint?: Tensor): Tensor =>
  map(dtype, (a, s, z) => s * (a - z), q, scale, zeroPoint ?? tensor('int32', [], [0]));

/** A vector along `axis` as it broadcasts against a tensor of `rank`. */
const along = (axis: number, rank: number, x: Tensor): Tensor => ({
  ...x,
  shape: [...x.shape, ...Array<number>(rank - axis - 1).fill(1)],
});

const eighth = tensor('fp16', [], [0.125]);

// Ties, both ends of the range and what lies beyond them.
const awkward = tensor('fp16', [3, 4], [0.0625, 0.1875, -0.0625, -0.1875, 15.9, 16, -16, -17, 65504, -65504, 0, 3.1]);

const scalar: readonly OpCase[] = (['int8', 'uint8'] as const).flatMap((dtype) =>
  inBothDialects(`quantize to ${dtype}`, (p) => {
    const expected = quantized(dtype, awkward, eighth);
    return [
      [
        p.op('quantize', { input: p.input(awkward), scale: fp16(0.125), output_dtype: text(dtype) }, expected),
        expected,
      ],
    ];
  }),
);

const perAxis = (['int8', 'uint8'] as const).map((dtype) => {
  const x = random(1, 'fp32', [2, 3, 5], 20);
  const scale = tensor('fp32', [3], [0.25, 0.5, 1]);
  const zero = tensor(dtype, [3], dtype === 'int8' ? [-3, 0, 7] : [100, 128, 3]);
  const [s, z] = [along(1, 3, scale), along(1, 3, zero)];
  return opCase(`quantize to ${dtype} and back, a scale and a zero point for each channel`, (p) => {
    const q = quantized(dtype, x, s, z);
    const given = { scale: p.constant(scale), zero_point: p.constant(zero), axis: int(1) };
    const name = p.op('quantize', { input: p.input(x), ...given, output_dtype: text(dtype) }, q);
    const back = dequantized('fp32', q, s, z);
    return [
      [name, q],
      [p.op('dequantize', { input: name, ...given }, back), back],
    ];
  });
});

const constant = inBothDialects(
  'constexpr_affine_dequantize of a tensor in a weight file, one scale for each output',
  (p) => {
    const q = random(2, 'int8', [8, 4, 1, 1], 127);
    const scale = tensor('fp16', [8], [0.125, 0.25, 0.5, 1, 2, 0.0625, 0.03125, 4]);
    const zero = tensor('int8', [8], [0, 1, -1, 2, -2, 0, 5, -5]);
    const expected = dequantized('fp16', q, along(0, 4, scale), along(0, 4, zero));
    const args = { quantized_data: p.blob(q), scale: p.constant(scale), zero_point: p.constant(zero), axis: int(0) };
    // Not foldable into nothing: added to an input.
    const x = random(3, 'fp16', [8, 4, 1, 1]);
    const sum = map('fp16', (a, b) => a + b, x, expected);
    return [[p.op('add', { x: p.input(x), y: p.op('constexpr_affine_dequantize', args, expected) }, sum), sum]];
  },
);

const w8a8 = opCase('a convolution with int8 weights and activations', (p) => {
  const x = random(4, 'fp16', [1, 32, 1, 64], 4);
  const q = random(5, 'int8', [16, 32, 1, 1], 127);
  const weight = dequantized('fp16', q, eighth);
  const activations = quantized('int8', x, eighth);
  const shown = dequantized('fp16', activations, eighth);
  const scale = { scale: fp16(0.125) };
  const zero = p.constant(tensor('int8', [], [0]));
  const w = p.op(
    'constexpr_affine_dequantize',
    { quantized_data: p.blob(q), ...scale, zero_point: zero, axis: int(0) },
    weight,
  );
  const a = p.op('quantize', { input: p.input(x), ...scale, output_dtype: text('int8') }, activations);
  const d = p.op('dequantize', { input: a, ...scale }, shown);
  const args = {
    dilations: ints(1, 1),
    groups: int(1),
    pad: ints(0, 0, 0, 0),
    pad_type: text('valid'),
    strides: ints(1, 1),
  };
  const expected = conv(shown, weight, { strides: [1, 1], dilations: [1, 1], groups: 1, pads: [0, 0, 0, 0] });
  return [[p.op('conv', { ...args, x: d, weight: w }, expected), expected]];
});

export const quantizationCases: readonly OpCase[] = [...scalar, ...perAxis, ...constant, w8a8];
