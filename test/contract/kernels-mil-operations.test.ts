import { Arena, type Dialect, fillWeightFile, MilBuilder, type MilValue } from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onDevice } from './on-device.js';

/** Every operation of the builder, on an input [2, 6, 5, 8]. */
const operations: Record<string, (b: MilBuilder, x: MilValue) => MilValue> = {
  add: (b, x) => b.add(x, 1),
  sub: (b, x) => b.sub(1, x),
  mul: (b, x) => b.mul(x, x),
  realDiv: (b, x) => b.realDiv(x, 3),
  pow: (b, x) => b.pow(x, 2),
  maximum: (b, x) => b.maximum(x, 0),
  minimum: (b, x) => b.minimum(0, x),
  equal: (b, x) => b.cast(b.equal(x, 1), 'fp16'),
  notEqual: (b, x) => b.cast(b.notEqual(x, 1), 'fp16'),
  less: (b, x) => b.cast(b.less(x, 1), 'fp16'),
  lessEqual: (b, x) => b.cast(b.lessEqual(x, 1), 'fp16'),
  greater: (b, x) => b.cast(b.greater(x, 1), 'fp16'),
  greaterEqual: (b, x) => b.cast(b.greaterEqual(x, 1), 'fp16'),
  select: (b, x) => b.select(b.less(x, 0), x, b.constant([1, 2, 3], 'fp16', [3, 1, 1, 1, 1])),
  sqrt: (b, x) => b.sqrt(x),
  rsqrt: (b, x) => b.rsqrt(x, 0.5),
  exp: (b, x) => b.exp(x),
  log: (b, x) => b.log(x),
  sigmoid: (b, x) => b.sigmoid(x),
  silu: (b, x) => b.silu(x),
  tanh: (b, x) => b.tanh(x),
  relu: (b, x) => b.relu(x),
  erf: (b, x) => b.erf(x),
  gelu: (b, x) => b.gelu(x),
  geluTanh: (b, x) => b.gelu(x, 'TANH_APPROXIMATION'),
  geluSigmoid: (b, x) => b.gelu(x, 'SIGMOID_APPROXIMATION'),
  maxPool: (b, x) => b.maxPool(x, [3, 2], { strides: [2, 2], padType: 'same' }),
  maxPoolCeil: (b, x) =>
    b.maxPool(x, [2, 3], { strides: [2, 2], padType: 'custom', pad: [1, 1, 0, 0], ceilMode: true }),
  avgPool: (b, x) => b.avgPool(x, [2, 2], { padType: 'custom', pad: [1, 0, 0, 1], excludePadding: true }),
  linear: (b, x) => b.linear(x, b.weight('linear', [7, 8]), b.weight('linearBias', [7])),
  layerNorm: (b, x) =>
    b.layerNorm(x, [1, -1], { gamma: b.weight('gamma', [6, 8]), beta: b.weight('beta', [6, 8]), epsilon: 1e-3 }),
  scaledDotProductAttention: (b, x) => b.scaledDotProductAttention(x, x, x, b.weight('mask', [5, 5])),
  identity: (b, x) => b.identity(x),
  softmax: (b, x) => b.softmax(x, -2),
  reduceSum: (b, x) => b.reduceSum(x, [1]),
  reduceMean: (b, x) => b.reduceMean(x, [-1, 1], false),
  reduceMax: (b, x) => b.reduceMax(x, [0, 3]),
  conv: (b, x) => b.conv(x, b.weight('conv', [4, 3, 3, 2]), { strides: [2, 1], dilations: [1, 2], groups: 2 }),
  convSame: (b, x) => b.conv(x, b.weight('convSame', [4, 6, 3, 2]), { strides: [2, 3], padType: 'same' }),
  convSameLower: (b, x) => b.conv(x, b.weight('convSameLower', [4, 6, 2, 2]), { padType: 'same_lower' }),
  convCustom: (b, x) => b.conv(x, b.weight('convCustom', [4, 6, 3, 2]), { padType: 'custom', pad: [1, 2, 0, 1] }),
  matmul: (b, x) => b.matmul(x, b.weight('matmul', [6, 8, 3])),
  matmulTransposed: (b, x) => b.matmul(x, b.weight('matmulTransposed', [7, 5]), { x: true, y: true }),
  reshape: (b, x) => b.reshape(x, [12, -1]),
  transpose: (b, x) => b.transpose(x, [0, 2, 3, 1]),
  concat: (b, x) => b.concat([x, b.relu(x)], -3),
  split: (b, x) => b.split(x, [1, 5], 1)[1]!,
  splitEqually: (b, x) => b.split(x, 4, 3)[3]!,
  sliceBySize: (b, x) => b.sliceBySize(x, [0, 1, 2, 3], [1, 2, -1, 4]),
  sliceByIndex: (b, x) =>
    b.sliceByIndex(x, [1, -5, 0, 0], [2, -1, 0, 8], {
      stride: [1, 2, 1, 3],
      squeezeMask: [true, false, false, false],
      endMask: [false, false, true, false],
    }),
  castToInt: (b, x) => b.cast(x, 'int32'),
  castToSingle: (b, x) => b.cast(x, 'fp32'),
  gather: (b, x) => b.gather(x, b.constant([1, 0, 3], 'int32'), 1),
  tile: (b, x) => b.tile(x, [1, 2, 1, 3]),
  expandDims: (b, x) => b.expandDims(b.reduceSum(x, [0, 1], false), [0, -1]),
  squeeze: (b, x) => b.squeeze(b.reduceSum(x, [1, 2]), [1, -2]),
};

onDevice((deviceName) => {
  const arena = new Arena(1 << 24);
  const device = addon.openDevice(deviceName, arena.native);
  const block = arena.allocate(1 << 20);
  beforeAll(() => arena.native.view(block.offset, block.bytes).fill(0));
  afterAll(() => {
    device.close();
    arena.close();
  });

  describe.each<Dialect>(['ios18', 'ios16'])('what the builder writes in %s compiles', (dialect) => {
    test.each(Object.entries(operations))('%s, with the inferred type', (_, operation) => {
      const b = new MilBuilder({ dialect });
      b.output('result', operation(b, b.input('input', 'fp16', [2, 6, 5, 8])));
      const { text, weightFiles, outputs } = b.build();
      for (const layout of weightFiles)
        fillWeightFile(layout, new Map(), arena.native.view(block.offset, layout.bytes));
      const ranges = weightFiles.map(({ path, bytes }) => ({ path, offset: block.offset, bytes }));
      const compiled = device.compile(text, ranges);
      expect(compiled.outputs).toMatchObject(outputs);
      device.unload(compiled.program);
    });
  });
});
