import { MilBuilder } from '../mil/builder.js';
import type { MilProgram } from '../mil/types.js';

/** A tensor [1, channels, rows, columns] and how many 1×1 convolutions it passes. */
export interface ConvolutionChain {
  readonly depth: number;
  readonly channels: number;
  /** Default: 1. */
  readonly rows?: number;
  readonly columns: number;
}

/** The probe of peak throughput: convolutions with weights of their own, one after the other. */
export function convolutionChain({ depth, channels, rows = 1, columns }: ConvolutionChain): MilProgram {
  const b = new MilBuilder();
  let value = b.input('x', 'fp16', [1, channels, rows, columns]);
  for (let index = 0; index < depth; index++) {
    value = b.conv(value, b.weight(`w${index}`, [channels, channels, 1, 1]));
  }
  b.output('y', value);
  return b.build();
}

/** One 1×1 convolution: the probe of weight sizes and of the cost of a dispatch. */
export function convolution(inputs: number, outputs: number, columns: number): MilProgram {
  const b = new MilBuilder();
  b.output('y', b.conv(b.input('x', 'fp16', [1, inputs, 1, columns]), b.weight('w', [outputs, inputs, 1, 1])));
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
