import { MilBuilder } from '../mil/builder.js';
import type { MilOptions } from '../mil/graph.js';
import type { MilProgram } from '../mil/types.js';

// Each takes the form that a device needs (`programForm`); default: ios18, with all weights in one file.

/** A tensor [1, channels, rows, columns] and how many 1×1 convolutions it passes. */
export interface ConvolutionChain {
  readonly depth: number;
  readonly channels: number;
  /** Default: 1. */
  readonly rows?: number;
  readonly columns: number;
}

/** The probe of peak throughput: a chain of convolutions, each with separate weights. */
export function convolutionChain(
  { depth, channels, rows = 1, columns }: ConvolutionChain,
  form?: MilOptions,
): MilProgram {
  const b = new MilBuilder(form);
  let value = b.input('x', 'fp16', [1, channels, rows, columns]);
  for (let index = 0; index < depth; index++) {
    value = b.conv(value, b.weight(`w${index}`, [channels, channels, 1, 1]));
  }
  b.output('y', value);
  return b.build();
}

/** One 1×1 convolution: the probe of weight sizes and of the cost of a dispatch. */
export function convolution(inputs: number, outputs: number, columns: number, form?: MilOptions): MilProgram {
  const b = new MilBuilder(form);
  b.output('y', b.conv(b.input('x', 'fp16', [1, inputs, 1, columns]), b.weight('w', [outputs, inputs, 1, 1])));
  return b.build();
}

/** One 3×3 convolution over images of 64 × 64 that keeps their size. */
export function convolution3x3(channels: number, images: number): MilProgram {
  const b = new MilBuilder();
  const x = b.input('x', 'fp16', [images, channels, 64, 64]);
  b.output('y', b.conv(x, b.weight('w', [channels, channels, 3, 3]), { padType: 'same' }));
  return b.build();
}

/** A square matrix times a constant one. */
export function squareProduct(side: number): MilProgram {
  const b = new MilBuilder();
  b.output('y', b.matmul(b.input('x', 'fp16', [1, 1, side, side]), b.weight('w', [1, 1, side, side])));
  return b.build();
}

/** A product of two inputs, [rows, inner]·[inner, columns]. */
export function product(rows: number, inner: number, columns: number): MilProgram {
  const b = new MilBuilder();
  const x = b.input('x', 'fp16', [1, 1, rows, inner]);
  b.output('y', b.matmul(x, b.input('z', 'fp16', [1, 1, inner, columns])));
  return b.build();
}

/** Rows times a square matrix that lies in the same surface, behind them. */
export function packedProduct(rows: number, side: number, form?: MilOptions): MilProgram {
  const b = new MilBuilder(form);
  const packed = b.input('x', 'fp16', [1, side, 1, rows + side]);
  const part = (begin: number, width: number) =>
    b.reshape(b.sliceBySize(packed, [0, 0, 0, begin], [1, side, 1, width]), [1, 1, side, width]);
  b.output('y', b.matmul(part(rows, side), part(0, rows), { x: true }));
  return b.build();
}

/** A sum of two inputs. */
export function elementwiseSum(channels: number, columns: number): MilProgram {
  const b = new MilBuilder();
  const [x, z] = ['x', 'z'].map((name) => b.input(name, 'fp16', [1, channels, 1, columns]));
  b.output('y', b.add(x!, z!));
  return b.build();
}

export function softmaxOver(channels: number, columns: number, form?: MilOptions): MilProgram {
  const b = new MilBuilder(form);
  b.output('y', b.softmax(b.input('x', 'fp16', [1, channels, 1, columns]), 1));
  return b.build();
}

/** dx of an RMSNorm over channels, from dy and x side by side. */
export function normalizationBackward(channels: number, columns: number, form?: MilOptions): MilProgram {
  const b = new MilBuilder(form);
  const packed = b.input('x', 'fp16', [1, 2 * channels, 1, columns]);
  const [dy, x] = b.split(packed, 2, 1);
  const scaled = b.mul(dy!, b.weight('w', [1, channels, 1, 1]));
  const inverse = b.pow(b.add(b.mul(b.reduceSum(b.mul(x!, x!), [1], true), 1 / channels), 1e-5), -0.5);
  const dot = b.mul(b.reduceSum(b.mul(scaled, x!), [1], true), b.mul(b.mul(inverse, inverse), 1 / channels));
  b.output('y', b.mul(b.sub(scaled, b.mul(x!, dot)), inverse));
  return b.build();
}

/**
 * The chain with int8 weights and int8 activations between the convolutions (W8A8): weights unpacked by
 * `constexpr_affine_dequantize`, activations through `quantize` and `dequantize`, all of scale 2⁻³.
 */
export function int8Chain({ depth, channels, rows = 1, columns }: ConvolutionChain): string {
  const shape = `[1, ${channels}, ${rows}, ${columns}]`;
  const weight = `[${channels}, ${channels}, 1, 1]`;
  const stride = 64 + channels * channels;
  const body = [
    'tensor<int32, [2]> one = const()[name = string("one"), val = tensor<int32, [2]>([1, 1])];',
    'tensor<int32, [4]> pad = const()[name = string("pad"), val = tensor<int32, [4]>([0, 0, 0, 0])];',
    'string valid = const()[name = string("valid"), val = string("valid")];',
    'string eight = const()[name = string("eight"), val = string("int8")];',
    'int32 groups = const()[name = string("groups"), val = int32(1)];',
    'fp16 scale = const()[name = string("scale"), val = fp16(0x1p-3)];',
  ];
  for (let index = 0; index < depth; index++) {
    const from = index === 0 ? 'x' : `d${index - 1}`;
    const result = index === depth - 1 ? 'y' : `c${index}`;
    body.push(
      `tensor<fp16, ${weight}> w${index} = constexpr_affine_dequantize()[axis = int32(0), name = string("w${index}"), quantized_data = tensor<int8, ${weight}>(BLOBFILE(path = string("@model_path/weights/weight.bin"), offset = uint64(${64 + index * stride}))), scale = fp16(0x1p-3), zero_point = int8(0)];`,
      `tensor<fp16, ${shape}> ${result} = conv(dilations = one, groups = groups, pad = pad, pad_type = valid, strides = one, weight = w${index}, x = ${from})[name = string("${result}")];`,
    );
    if (index === depth - 1) continue;
    body.push(
      `tensor<int8, ${shape}> q${index} = quantize(input = c${index}, output_dtype = eight, scale = scale)[name = string("q${index}")];`,
      `tensor<fp16, ${shape}> d${index} = dequantize(input = q${index}, scale = scale)[name = string("d${index}")];`,
    );
  }
  return [
    'program(1.3)',
    '[buildInfo = dict<string, string>({{"coremlc-version", "3505.4.1"}})]',
    '{',
    `    func main<ios18>(tensor<fp16, ${shape}> x) {`,
    ...body.map((line) => `        ${line}`),
    '    } -> (y);',
    '}',
    '',
  ].join('\n');
}

/** The weight file of `int8Chain`, all zeros: one int8 record for each convolution. */
export function int8Weights({ depth, channels }: ConvolutionChain): Uint8Array {
  const size = channels * channels;
  const bytes = new Uint8Array(64 + depth * (64 + size));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, depth, true);
  view.setUint32(4, 2, true);
  for (let index = 0; index < depth; index++) {
    const record = 64 + index * (64 + size);
    const int8 = 4;
    view.setUint32(record, 0xdeadbeef, true);
    view.setUint32(record + 4, int8, true);
    view.setBigUint64(record + 8, BigInt(size), true);
    view.setBigUint64(record + 16, BigInt(record + 64), true);
  }
  return bytes;
}
