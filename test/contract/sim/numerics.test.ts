import {
  dynamicPrograms,
  type FixedConstants,
  type LayerProgram as Kernel,
  MilBuilder,
  staticPrograms,
} from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { InProcessDevice } from '../../fixtures/in-process-kernel.js';
import { RandomMatrices } from '../../fixtures/random-layer.js';
import { SimBench, smallShape } from '../../fixtures/sim-bench.js';

test.each(['static', 'dynamic'])('%s kernels give the bits of the cpu device', (strategy) => {
  const kernels: Readonly<Record<string, Kernel<string, string> & FixedConstants>> = {
    ...(strategy === 'static' ? staticPrograms(smallShape) : dynamicPrograms(smallShape)),
  };
  const random = new RandomMatrices(5);
  const devices = ['cpu', 'sim:m4,no-rules', 'sim:m1,no-rules,clock'].map((name) => new InProcessDevice(name));
  for (const [name, kernel] of Object.entries(kernels)) {
    const inputs = Object.fromEntries(
      Object.entries(kernel.input.slots).map(([slot, { rows, columns }]) => [slot, random.normal(rows, columns, 0.25)]),
    );
    const values = kernel.program.weightFiles.flatMap(({ records }) =>
      records
        .filter((record) => !kernel.constants.has(record.name))
        .map((record) => [record.name, random.normal(record.bytes / 2, 1, 0.1).values] as const),
    );
    const weights = new Map(values.map(([key, given]) => [key, Float32Array.from(given)]));
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
