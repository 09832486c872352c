import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  dynamicPrograms,
  type FixedConstants,
  type LayerProgram as Kernel,
  MilBuilder,
  type MilValue,
  staticPrograms,
} from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { InProcessDevice } from '../../fixtures/in-process-kernel.js';
import { RandomMatrices } from '../../fixtures/random-layer.js';
import { figure, SimBench, smallShape } from '../../fixtures/sim-bench.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();

type AnyKernel = Kernel<string, string> & FixedConstants;

const kernelsOf = (strategy: string): Readonly<Record<string, AnyKernel>> => ({
  ...(strategy === 'static' ? staticPrograms(smallShape) : dynamicPrograms(smallShape)),
});

/** Inputs and weights of a kernel. */
function draw({ input, program, constants }: AnyKernel, random: RandomMatrices) {
  const inputs = Object.fromEntries(
    Object.entries(input.slots).map(([slot, { rows, columns }]) => [slot, random.normal(rows, columns, 0.25)]),
  );
  const values = program.weightFiles.flatMap(({ records }) =>
    records
      .filter((record) => !constants.has(record.name))
      .map((record) => [record.name, random.normal(record.bytes / 2, 1, 0.1).values] as const),
  );
  return { inputs, weights: new Map(values.map(([key, given]) => [key, Float32Array.from(given)])) };
}

test.each(['static', 'dynamic'])('%s kernels give the bits of the cpu device', (strategy) => {
  const random = new RandomMatrices(5);
  const devices = ['cpu', 'sim:m4,no-rules', 'sim:m1,no-rules,clock'].map((name) => new InProcessDevice(name));
  for (const [name, kernel] of Object.entries(kernelsOf(strategy))) {
    const { inputs, weights } = draw(kernel, random);
    const [cpu, ...others] = devices.map((device) => device.run(kernel, inputs, weights));
    for (const other of others) expect(other, name).toEqual(cpu);
  }
  for (const device of devices) device.close();
});

test('products saturate as the engine’s do, where asked for', () => {
  const b = new MilBuilder();
  const a = b.input('a', 'fp16', [1, 1, 64, 64]);
  b.output('out', b.matmul(b.mul(a, 23), b.mul(a, 23)));
  const { text } = b.build();
  for (const [name, expected] of [
    ['cpu', 33856],
    ['sim:m4', 33856],
    ['sim:m4,numerics', Number.POSITIVE_INFINITY],
  ] as const) {
    const bench = new SimBench(name);
    expect(bench.evaluate(bench.compile(text))).toEqual([expected]);
  }
});

/** The first element of what a program of one input gives for 1 on each device. */
const first = (
  build: (b: MilBuilder, x: MilValue) => MilValue,
  shape: readonly number[],
  ...names: readonly string[]
) => {
  const b = new MilBuilder();
  b.output('out', build(b, b.input('a', 'fp16', shape)));
  const { text } = b.build();
  return names.map((name) => {
    const bench = new SimBench(name);
    return bench.evaluate(bench.compile(text))[0]!;
  });
};

test('sums that are too large are zero on M3 Ultra', () => {
  const large = (b: MilBuilder, x: MilValue) => b.matmul(b.mul(x, 23), b.mul(x, 23));
  expect(first(large, [1, 1, 64, 64], 'sim:m3-ultra', 'sim:m3-ultra,numerics')).toEqual([33856, 0]);
});

test('values above 4094 do not survive a slice from within the last axis of M1 and M2', () => {
  const sliced = (begin: number, value: number) => (b: MilBuilder, x: MilValue) =>
    b.sliceBySize(b.mul(x, value), [0, 0, 0, begin], [1, 64, 1, 32]);
  const chips = ['sim:m1,numerics', 'sim:m2,numerics', 'sim:m4,numerics', 'sim:m1'];
  expect(first(sliced(32, 4092), [1, 64, 1, 64], ...chips)).toEqual([4092, 4092, 4092, 4092]);
  expect(first(sliced(32, -5000), [1, 64, 1, 64], ...chips)).toEqual([
    ...[Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, -5000, -5000],
  ]);
  expect(first(sliced(0, 5000), [1, 64, 1, 64], 'sim:m1,numerics')).toEqual([5000]);
});

test.each([
  ['within', 1.25, 0.0034],
  ['far below zero', -6.25, 0.0034],
  ['beyond the table', -20, 0.0004],
])('sigmoid is read from a table where it is asked for: %s', (_, value, error) => {
  const of = (b: MilBuilder, x: MilValue) => b.sigmoid(b.mul(x, value));
  const [exact, table] = first(of, [1, 64, 1, 256], 'sim:m4', 'sim:m4,numerics');
  expect(table).not.toBe(exact);
  expect(Math.abs(table! - exact!)).toBeLessThan(error);
  if (value === -6.25) expect(table! / exact! - 1).toBeGreaterThan(0.02);
  const [byExp] = first((b, x) => b.realDiv(1, b.add(b.exp(b.mul(x, -value)), 1)), [1, 64, 1, 256], 'sim:m4,numerics');
  expect(Math.abs(byExp! - exact!)).toBeLessThan(1e-3);
});

test('M1 and M3 Ultra drop products below 6.1e-5 from sums', () => {
  const square = (value: number) => (b: MilBuilder, x: MilValue) => b.matmul(b.mul(x, value), b.mul(x, value));
  const chips = ['sim:m1,numerics', 'sim:m3-ultra,numerics', 'sim:m4,numerics', 'sim:m1'];
  const [dropped, alsoDropped, kept, exact] = first(square(2 ** -8), [1, 1, 64, 64], ...chips);
  expect([dropped, alsoDropped, kept, exact]).toEqual([0, 0, 2 ** -10, 2 ** -10]);
  expect(first(square(2 ** -6), [1, 1, 64, 64], ...chips)).toEqual(Array(4).fill(2 ** -6));
  const convolved = (b: MilBuilder, x: MilValue) => {
    const small = b.mul(b.reshape(x, [1, 64, 1, 64]), 2 ** -8);
    return b.conv(small, b.reshape(b.mul(x, 2 ** -8), [64, 64, 1, 1]));
  };
  expect(first(convolved, [1, 1, 64, 64], 'sim:m1,numerics,no-rules', 'sim:m4,numerics,no-rules')).toEqual([
    0,
    2 ** -10,
  ]);
});

test.each(['static', 'dynamic'])('loops that drop products are right where none is small: %s kernels', (strategy) => {
  const file = join(folder, `floor-${strategy}.json`);
  const numerics = { saturation: figure(1e9), productFloor: figure(1e-30) };
  writeFileSync(file, JSON.stringify({ extends: 'm4', name: 'floor', title: 'floor', numerics }));
  const [device, cpu] = [`sim:${file},numerics,no-rules`, 'cpu'].map((name) => new InProcessDevice(name));
  const random = new RandomMatrices(7);
  for (const [name, kernel] of Object.entries(kernelsOf(strategy))) {
    const { inputs, weights } = draw(kernel, random);
    const [found, expected] = [device!.run(kernel, inputs, weights), cpu!.run(kernel, inputs, weights)];
    for (const [slot, { values }] of Object.entries(expected)) {
      const scale = Math.max(...values.map(Math.abs));
      const error = Math.max(...values.map((value, index) => Math.abs(value - found[slot]!.values[index]!)));
      // The table of sigmoid, which m4's numerics have too, is the larger part.
      expect(error / scale, `${name} ${slot}`).toBeLessThan(0.02);
    }
  }
  device!.close();
  cpu!.close();
});
