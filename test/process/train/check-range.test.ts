import {
  Arena,
  dynamicPrograms,
  MilBuilder,
  type MilValue,
  presets,
  rangeProgram,
  staticPrograms,
} from '@mayfly/core/testing';
import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());

/** What a program of one input, of which every element is 1, says of its sums. */
function ranges(build: (b: MilBuilder, x: MilValue) => MilValue, shape: readonly number[]): number[] {
  const b = new MilBuilder();
  b.output('out', build(b, b.input('a', 'fp16', shape)));
  const { text, products } = rangeProgram(b.build().text)!;
  const arena = new Arena(1 << 22);
  const device = addon.openDevice('cpu', arena.native);
  const input = arena.allocate(1 << 16);
  const output = arena.allocate(1 << 12);
  const view = (offset: number, bytes: number) => arena.native.view(offset, bytes);
  const elements = view(input.offset, 1 << 16);
  new Uint16Array(elements.buffer, elements.byteOffset, 1 << 15).fill(0x3c00);
  device.evaluate(device.compile(text, []).program, [input.offset, output.offset]);
  const sums = view(output.offset, 4 * products.length);
  const values = [...new Float32Array(sums.buffer, sums.byteOffset, products.length)];
  device.close();
  arena.close();
  return values;
}

test('sums are of magnitudes, in fp32, one for each product', () => {
  // The first is a sum of 64 products of 9 · 100, the second beyond fp16.
  const products = (b: MilBuilder, x: MilValue) => {
    const signs = b.concat([b.mul(x, 3), b.mul(x, -3)], 3);
    const sums = b.matmul(signs, b.mul(signs, 100), { y: true });
    return b.matmul(sums, sums);
  };
  expect(ranges(products, [1, 1, 32, 32])).toEqual([57_600, 32 * 57_600 ** 2]);
});

test('a program without products has none', () => {
  const b = new MilBuilder();
  b.output('out', b.add(b.input('a', 'fp16', [1, 64]), 1));
  expect(rangeProgram(b.build().text)).toBe(null);
});

test.each(['dynamic', 'static'] as const)(
  'training with %s weights reports them and gives the same losses',
  async (weights) => {
    const options = { ...smallRun, model: 'tiny', data, weights, steps: 3 } as const;
    const plain = await runTraining(options);
    const checked = await runTraining({ ...options, checkRange: true });
    expect(checked.summary.paramsSha256).toBe(plain.summary.paramsSha256);
    expect(plain.summary.ranges).toBe(undefined);
    const { ranges: found = [] } = checked.summary;
    expect(found.length).toBe(weights === 'dynamic' ? 4 : 4 * presets.tiny.layers);
    for (const { kernel, product, largest } of found) {
      expect(kernel).toMatch(/attention|feedForward/i);
      expect(product).not.toBe('');
      expect(largest).toBeGreaterThan(0);
      expect(largest).toBeLessThan(1e6);
    }
  },
);

test('programs of training have a range for each of their products', () => {
  const shape = { ...presets.tiny, batch: 1, sequence: 32 };
  for (const programs of [staticPrograms(shape), dynamicPrograms(shape)]) {
    for (const { program } of Object.values(programs)) {
      const expected = program.text.match(/= (matmul|conv)\(/g)?.length ?? 0;
      expect(rangeProgram(program.text)!.products.length).toBe(expected);
    }
  }
});

test('the command prints them, and as JSON', async () => {
  const command = [
    'train',
    '--model',
    'tiny',
    '--data',
    data,
    '--batch',
    '2',
    '--seq',
    '16',
    '--steps',
    '2',
    '--check-range',
  ];
  const { lines } = await mayfly([...command, '--json']);
  const done = lines.map((line) => JSON.parse(String(line))).find(({ event }) => event === 'done');
  expect(done.ranges.length).toBe(4);
  expect(done.ranges[0]).toMatchObject({
    kernel: expect.any(String),
    product: expect.any(String),
    largest: expect.any(Number),
  });
});
