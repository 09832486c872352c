import { createHash } from 'node:crypto';
import { initializeParameters, ParameterLayout, presets } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const layout = new ParameterLayout(presets.stories260k);

async function initialized(seed: number): Promise<Float32Array> {
  const parameters = new Float32Array(layout.count).fill(Number.NaN);
  await initializeParameters(layout, parameters, seed);
  return parameters;
}

test('norms are 1, matrices normal with the deviation of their kind', async () => {
  const parameters = await initialized(1);
  for (const { name, offset, count, decay } of layout.entries) {
    const values = parameters.subarray(offset, offset + count);
    if (!decay) {
      expect(values.every((value) => value === 1)).toBe(true);
      continue;
    }
    const deviation = name === 'wo' || name === 'w2' ? 0.02 / Math.sqrt(10) : 0.02;
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
    const within = values.filter((value) => Math.abs(value) < deviation).length / count;
    // Five standard errors.
    expect(Math.abs(mean)).toBeLessThan((5 * deviation) / Math.sqrt(count));
    expect(Math.abs(variance / deviation ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(within - 0.6827)).toBeLessThan(5 * Math.sqrt(0.2166 / count));
  }
});

test('the same seed gives the same bits, for ever', async () => {
  const hash = createHash('sha256')
    .update(await initialized(1))
    .digest('hex')
    .slice(0, 16);
  expect(hash).toBe('71689ffeda4178c3');
});

test('close seeds give unlike parameters', async () => {
  const [a, b] = [await initialized(1), await initialized(2)];
  const { offset, count } = layout.entry('embedding');
  const dot = (x: Float32Array, y: Float32Array) =>
    x.subarray(offset, offset + count).reduce((sum, value, index) => sum + value * y[offset + index]!, 0);
  expect(Math.abs(dot(a, b)) / Math.sqrt(dot(a, a) * dot(b, b))).toBeLessThan(5 / Math.sqrt(count));
});

test('a block of another size is refused', async () => {
  await expect(initializeParameters(layout, new Float32Array(layout.count - 1), 1)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
  });
});
