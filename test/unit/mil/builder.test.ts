import { MilBuilder } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const small = (dialect: 'ios18' | 'ios16') => {
  const b = new MilBuilder({ dialect });
  const x = b.input('x', 'fp16', [1, 4, 1, 8]);
  const y = b.conv(x, b.weight('wq', [6, 4, 1, 1]));
  b.exp(y);
  b.output('y', b.mul(b.softmax(y, 1), 1 / 768));
  return b.build();
};

test('writes a program with every argument a named constant and no dead code', () => {
  const program = small('ios18');
  expect(program.text).toMatchInlineSnapshot(`
    "program(1.3)
    [buildInfo = dict<string, string>({{"coremlc-component-MIL", "3510.2.1"}, {"coremlc-version", "3505.4.1"}, {"coremltools-component-milinternal", ""}, {"coremltools-version", "9.0"}})]
    {
        func main<ios18>(tensor<fp16, [1, 4, 1, 8]> x) {
            tensor<fp16, [6, 4, 1, 1]> wq_0 = const()[name = string("wq_0"), val = tensor<fp16, [6, 4, 1, 1]>(BLOBFILE(path = string("@model_path/weights/weight.bin"), offset = uint64(64)))];
            tensor<int32, [2]> dilations_0 = const()[name = string("dilations_0"), val = tensor<int32, [2]>([1, 1])];
            int32 groups_0 = const()[name = string("groups_0"), val = int32(1)];
            tensor<int32, [4]> pad_0 = const()[name = string("pad_0"), val = tensor<int32, [4]>([0, 0, 0, 0])];
            string pad_type_0 = const()[name = string("pad_type_0"), val = string("valid")];
            tensor<int32, [2]> strides_0 = const()[name = string("strides_0"), val = tensor<int32, [2]>([1, 1])];
            tensor<fp16, [1, 6, 1, 8]> conv_0 = conv(dilations = dilations_0, groups = groups_0, pad = pad_0, pad_type = pad_type_0, strides = strides_0, weight = wq_0, x = x)[name = string("conv_0")];
            int32 axis_0 = const()[name = string("axis_0"), val = int32(1)];
            tensor<fp16, [1, 6, 1, 8]> softmax_0 = softmax(axis = axis_0, x = conv_0)[name = string("softmax_0")];
            fp16 scalar_0 = const()[name = string("scalar_0"), val = fp16(0x1.554p-10)];
            tensor<fp16, [1, 6, 1, 8]> y = mul(x = softmax_0, y = scalar_0)[name = string("y")];
        } -> (y);
    }
    "
  `);
  expect(program.inputs).toEqual([{ name: 'x', dtype: 'fp16', shape: [1, 4, 1, 8] }]);
  expect(program.outputs).toEqual([{ name: 'y', dtype: 'fp16', shape: [1, 6, 1, 8] }]);
  expect(program.weightFiles.map(({ path }) => path)).toEqual(['@model_path/weights/weight.bin']);
});

test('writes scalars of ios16 as tensors of rank 0', () => {
  expect(small('ios16').text).toMatchInlineSnapshot(`
    "program(1.0)
    [buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremlc-version", "3505.4.1"}})]
    {
        func main<ios16>(tensor<fp16, [1, 4, 1, 8]> x) {
            tensor<fp16, [6, 4, 1, 1]> wq_0 = const()[name = tensor<string, []>("wq_0"), val = tensor<fp16, [6, 4, 1, 1]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(64)))];
            tensor<int32, [2]> dilations_0 = const()[name = tensor<string, []>("dilations_0"), val = tensor<int32, [2]>([1, 1])];
            tensor<int32, []> groups_0 = const()[name = tensor<string, []>("groups_0"), val = tensor<int32, []>(1)];
            tensor<int32, [4]> pad_0 = const()[name = tensor<string, []>("pad_0"), val = tensor<int32, [4]>([0, 0, 0, 0])];
            tensor<string, []> pad_type_0 = const()[name = tensor<string, []>("pad_type_0"), val = tensor<string, []>("valid")];
            tensor<int32, [2]> strides_0 = const()[name = tensor<string, []>("strides_0"), val = tensor<int32, [2]>([1, 1])];
            tensor<fp16, [1, 6, 1, 8]> conv_0 = conv(dilations = dilations_0, groups = groups_0, pad = pad_0, pad_type = pad_type_0, strides = strides_0, weight = wq_0, x = x)[name = tensor<string, []>("conv_0")];
            tensor<int32, []> axis_0 = const()[name = tensor<string, []>("axis_0"), val = tensor<int32, []>(1)];
            tensor<fp16, [1, 6, 1, 8]> softmax_0 = softmax(axis = axis_0, x = conv_0)[name = tensor<string, []>("softmax_0")];
            tensor<fp16, []> scalar_0 = const()[name = tensor<string, []>("scalar_0"), val = tensor<fp16, []>(0x1.554p-10)];
            tensor<fp16, [1, 6, 1, 8]> y = mul(x = softmax_0, y = scalar_0)[name = tensor<string, []>("y")];
        } -> (y);
    }
    "
  `);
});

test('gives every weight a file of its own when asked to', () => {
  const b = new MilBuilder({ weightFiles: 'per-tensor' });
  b.output('sum', b.add(b.weight('a', [1, 4]), b.weight('b', [1, 4])));
  b.weight('unused', [1, 4]);
  const { weightFiles, text } = b.build();
  expect(weightFiles.map(({ path, bytes }) => [path, bytes])).toEqual([
    ['@model_path/weights/a.bin', 136],
    ['@model_path/weights/b.bin', 136],
  ]);
  expect(text).toContain('BLOBFILE(path = string("@model_path/weights/b.bin"), offset = uint64(64))');
});

test('returns inputs, constants and values named twice through an identity', () => {
  const b = new MilBuilder();
  const x = b.input('x', 'fp16', [1, 2]);
  const doubled = b.add(x, x);
  for (const [name, value] of Object.entries({ same: x, once: doubled, twice: doubled })) b.output(name, value);
  const { text } = b.build();
  expect(text).toContain('-> (same, once, twice);');
  expect(text.match(/= identity\(/g)).toHaveLength(2);
});

test('keeps names apart from each other, from ports and from reserved words', () => {
  const b = new MilBuilder();
  const x = b.input('exp', 'fp16', [1, 2]);
  b.output('exp_0', b.add(b.exp(b.exp(x)), b.weight('tensor', [1, 2])));
  const names = [...b.build().text.matchAll(/> (\w+) =/g)].map(([, name]) => name);
  expect(names).toEqual(['exp_1', 'exp_2', 'tensor_0', 'exp_0']);
  expect(() => new MilBuilder().input('func', 'fp16', [1]) && build(['func'])).toThrow(/MIL keyword, got `func`/);
  expect(() => build(['a', 'a'])).toThrow('Expected port names that differ, got `a` twice');
});

const build = (outputs: readonly string[]) => {
  const b = new MilBuilder();
  const x = b.input('x', 'fp16', [1, 2]);
  for (const name of outputs) b.output(name, b.relu(x));
  return b.build();
};

test('prints numbers that survive exactly', () => {
  const values = [1 / 768, 1e-5, 65504, 2 ** -24, -0, 0.1, 1, -10000];
  const b = new MilBuilder();
  b.output('half', b.constant(values, 'fp16'));
  b.output('single', b.constant([1 / 768, 1.1], 'fp32'));
  const [half, single] = [...b.build().text.matchAll(/val = tensor<fp\d+, \[\d+\]>\(\[(.*?)\]\)/g)].map(([, list]) =>
    list!.split(', ').map(parseHexFloat),
  );
  expect(half).toEqual([1365 * 2 ** -20, 168 * 2 ** -24, 65504, 2 ** -24, -0, 1638 * 2 ** -14, 1, -10000]);
  expect(single).toEqual([Math.fround(1 / 768), Math.fround(1.1)]);
});

function parseHexFloat(text: string): number {
  const [, sign, whole, fraction = '', exponent] = /^(-?)0x([01])(?:\.([0-9a-f]+))?p([+-]\d+)$/.exec(text)!;
  const digits = Number.parseInt(whole! + fraction, 16);
  return (sign ? -1 : 1) * digits * 2 ** (Number(exponent) - 4 * fraction.length);
}

test('infers the shapes of all operations', () => {
  const b = new MilBuilder();
  const x = b.input('x', 'fp16', [2, 6, 5, 8]);
  const shapes = {
    conv: b.conv(x, b.weight('k', [4, 3, 3, 2]), { strides: [2, 1], dilations: [1, 2], groups: 2 }),
    same: b.conv(x, b.weight('same', [4, 6, 3, 2]), { strides: [2, 3], padType: 'same' }),
    custom: b.conv(x, b.weight('custom', [4, 6, 3, 2]), { padType: 'custom', pad: [1, 2, 0, 1] }),
    matmul: b.matmul(x, b.input('m', 'fp16', [6, 8, 3])),
    matmulTransposed: b.matmul(x, b.input('t', 'fp16', [7, 5]), { x: true, y: true }),
    broadcast: b.maximum(x, b.input('c', 'fp16', [6, 1, 1])),
    reduced: b.reduceMean(x, [-1, 1]),
    dropped: b.reduceMax(x, [0, 3], false),
    reshape: b.reshape(x, [12, -1]),
    transpose: b.transpose(x, [0, 2, 3, 1]),
    concat: b.concat([x, x], -3),
    split: b.split(x, [1, 5], 1)[1]!,
    splitEqually: b.split(x, 4, 3)[3]!,
    sliceBySize: b.sliceBySize(x, [0, 1, 2, 3], [1, 2, -1, 4]),
    sliceByIndex: b.sliceByIndex(x, [1, -5, 4, 0], [9, -1, 0, 8], {
      stride: [1, 2, -1, 3],
      squeezeMask: [true, false, false, false],
      endMask: [false, false, true, false],
    }),
    gather: b.gather(x, b.constant([1, 0, 3], 'int32'), 1),
    tile: b.tile(x, [1, 2, 1, 3]),
    expandDims: b.expandDims(b.reduceSum(x, [0, 1], false), [0, -1]),
    squeeze: b.squeeze(b.reduceSum(x, [1, 2]), [1, -2]),
    select: b.select(b.less(x, 0), x, b.input('s', 'fp16', [3, 1, 1, 1, 1])),
  };
  const inferred = Object.entries(shapes).map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape.join('×')}`);
  expect(inferred).toMatchInlineSnapshot(`
    [
      "conv fp16 2×4×2×6",
      "same fp16 2×4×3×3",
      "custom fp16 2×4×6×8",
      "matmul fp16 2×6×5×3",
      "matmulTransposed fp16 2×6×8×7",
      "broadcast fp16 2×6×5×8",
      "reduced fp16 2×1×5×1",
      "dropped fp16 6×5",
      "reshape fp16 12×40",
      "transpose fp16 2×5×8×6",
      "concat fp16 2×12×5×8",
      "split fp16 2×5×5×8",
      "splitEqually fp16 2×6×5×2",
      "sliceBySize fp16 1×2×3×4",
      "sliceByIndex fp16 2×5×3",
      "gather fp16 2×3×5×8",
      "tile fp16 2×12×5×24",
      "expandDims fp16 1×5×8×1",
      "squeeze fp16 2×8",
      "select fp16 3×2×6×5×8",
    ]
  `);
});

const misuses: Record<string, [(b: MilBuilder) => unknown, string]> = {
  broadcast: [
    (b) => b.add(b.weight('a', [2, 3]), b.weight('b', [2, 4])),
    'Expected shapes that broadcast with [2, 3], got [2, 4]',
  ],
  matmul: [
    (b) => b.matmul(b.weight('a', [2, 3]), b.weight('b', [2, 4])),
    'Expected equal inner sizes, got inner sizes 3 and 2 of [2, 3] and [2, 4]',
  ],
  conv: [
    (b) => b.conv(b.weight('a', [1, 6, 1, 8]), b.weight('b', [4, 4, 1, 1])),
    'Expected a weight [out, 6/1, kernel…] for input [1, 6, 1, 8], got [4, 4, 1, 1]',
  ],
  'conv kernel': [
    (b) => b.conv(b.weight('a', [1, 6, 1, 8]), b.weight('b', [4, 6, 3, 1])),
    "Expected spatial sizes of at least the kernel's in [4, 6, 3, 1], got [1, 6, 1, 8]",
  ],
  reshape: [(b) => b.reshape(b.weight('a', [2, 3]), [4, 2]), 'Expected a shape of 6 elements for [2, 3], got [4, 2]'],
  'reshape −1': [
    (b) => b.reshape(b.weight('a', [2, 3]), [-1, 4]),
    'Expected a shape of 6 elements with sizes from 1 up',
  ],
  transpose: [(b) => b.transpose(b.weight('a', [2, 3]), [0, 0]), 'Expected a permutation of 2 axes, got [0, 0]'],
  concat: [
    (b) => b.concat([b.weight('a', [2, 3]), b.weight('b', [3, 2])], 0),
    'Expected sizes of [2, 3] but for axis 0, got [3, 2]',
  ],
  slice: [
    (b) => b.sliceBySize(b.weight('a', [2, 3]), [0, 2], [2, 2]),
    'Expected a slice within [2, 3], got [2, 2] from [0, 2]',
  ],
  split: [(b) => b.split(b.weight('a', [2, 3]), 2, 1), 'Expected parts of 3 along axis 1 of [2, 3], got [1.5, 1.5]'],
  axis: [(b) => b.softmax(b.weight('a', [2, 3]), 2), 'Expected an axis of rank 2, got 2'],
  types: [
    (b) => b.add(b.weight('a', [2]), b.weight('b', [2], 'fp32')),
    'Expected operands of one type for add, got fp16 and fp32',
  ],
  float: [(b) => b.exp(b.weight('a', [2], 'int32')), 'Expected fp16 or fp32 for exp, got int32'],
  range: [(b) => b.mul(b.weight('a', [2]), 1e6), 'Expected a constant within the range of fp16, got 1000000'],
  whole: [(b) => b.constant([0.5], 'int32'), 'Expected a whole int32 constant, got 0.5'],
  count: [(b) => b.constant([1, 2], 'fp16', [3]), 'Expected 3 values for [3], got 2'],
  foreign: [(b) => b.relu(new MilBuilder().weight('a', [2])), 'Expected a value of this builder, got one of another'],
  empty: [(b) => b.build(), 'Expected a program with outputs, got none'],
};

test.each(Object.entries(misuses))('rejects wrong use: %s', (_, [misuse, message]) => {
  let error: unknown;
  try {
    misuse(new MilBuilder());
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'ERR_MIL_TYPE', message: expect.stringContaining(message) as string });
});
