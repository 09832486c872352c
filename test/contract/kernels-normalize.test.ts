import { normalize, type ProgramShape, ProgramWriter, stackSurface } from '@mayfly/core/testing';
import { afterAll, expect, test } from 'vitest';
import { DecoderLayer, type LayerWeights } from '../fixtures/decoder-layer.js';
import { InProcessDevice } from '../fixtures/in-process-kernel.js';
import { Matrix } from '../fixtures/matrix.js';
import { RandomMatrices, roundedToHalf } from '../fixtures/random-layer.js';
import { onDevice } from './on-device.js';

const DIM = 4096;
const EPS = 1e-5;

/** Columns whose squares, or their sum, leave fp16's range above or below. */
const columns: Record<string, (random: RandomMatrices) => Matrix> = {
  'magnitudes of hundreds': (random) => random.normal(DIM, 1, 300),
  'one outlier': (random) => random.normal(DIM, 1, 1).map((value, index) => (index === 5 ? 900 : value)),
  'the largest fp16 number': (random) => random.normal(DIM, 1, 1).map((value, index) => (index === 9 ? -65504 : value)),
  'embeddings of a fresh model': (random) => random.normal(DIM, 1, 0.02),
  'less than eps': (random) => random.normal(DIM, 1, 1e-3),
  'next to nothing': (random) => random.normal(DIM, 1, 1e-6),
  zeros: () => new Matrix(DIM, 1),
};

onDevice((deviceName) => {
  const device = new InProcessDevice(deviceName);
  afterAll(() => device.close());

  test.each(Object.entries(columns))('RMSNorm of %s', (_, column) => {
    const random = new RandomMatrices(3);
    const x = roundedToHalf(column(random));
    const weight = random.normal(DIM, 1);
    const program = new ProgramWriter(stackSurface({ x: DIM }, 1), {});
    const constant = program.constant('weight', [1, DIM, 1, 1], () => Float32Array.from(weight.values));
    const xn = normalize(program.builder, program.inputs.x, constant, EPS);
    const actual = device.run(program.finish({ xn }), { x }).xn;
    const reference = new DecoderLayer({ eps: EPS } as ProgramShape, {} as LayerWeights).norm(x, weight);
    // Relative to each element, but for results below fp16's normal range.
    const largest = actual.map((value, index) => {
      const expected = reference.values[index]!;
      return (value - expected) / Math.max(Math.abs(expected), 2 ** -10);
    }).largest;
    expect(largest).toBeLessThan(3e-3);
  });
});
