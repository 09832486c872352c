import { loadProfile } from '@mayfly/core/chips';
import { adaptLayer, decoderLayer } from '@mayfly/core/layers';
import { planTraining, presets } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const shape = { config: presets.stories110m, batch: 1, sequence: 256, accumulate: 4 } as const;
const onDevice = { classifier: 'device', weightGradients: 'feedForward' } as const;

const planOn = (chip: string, options: Partial<Parameters<typeof planTraining>[0]>) =>
  planTraining({ ...shape, weights: 'dynamic', profile: loadProfile(chip), ...options });

test('two passes in flight hide the host of one behind the kernels of the other, two workers the copies, too', () => {
  const [one, two, both] = [{}, { inFlight: 2 }, { workers: 2 }].map((given) =>
    planOn('m4', { ...onDevice, ...given }),
  );
  expect(both!.inFlight).toBe(2);
  expect(two!.step.total).toBeLessThan(0.95 * one!.step.total);
  expect(both!.step.total).toBeLessThan(0.97 * two!.step.total);
});

test('two workers share the one engine of a chip, and use both of an Ultra', () => {
  const evaluations = ({ kernels }: ReturnType<typeof planOn>) =>
    (shape.accumulate * shape.config.layers * kernels.reduce((sum, { evaluateUs }) => sum + evaluateUs, 0)) / 1000;
  const [m1, ultra] = ['m1', 'm3-ultra'].map((chip) => planOn(chip, { ...onDevice, workers: 2 }));
  expect(m1!.step.total).toBeGreaterThan(evaluations(m1!));
  const alone = planOn('m3-ultra', { ...onDevice, inFlight: 2 });
  expect(ultra!.step.total).toBeLessThan(0.9 * alone.step.total);
});

test('no more passes are in flight than a step has, and one pass is timed alike on any number of workers', () => {
  const [one, two] = [1, 2].map((workers) => planOn('m4', { accumulate: 1, workers }));
  expect(two!.inFlight).toBe(1);
  expect(two!.step).toEqual(one!.step);
});

test('workers with shares of the layers of a model under adapters are a pipeline', () => {
  const layer = adaptLayer(decoderLayer, { rank: 4, targets: ['wq', 'w2'], alpha: 4, dropout: 0, rslora: false });
  const [one, two] = [1, 2].map((workers) =>
    planOn('m3-ultra', { layer, weights: 'static', classifier: 'device', inFlight: 2, workers }),
  );
  expect(two!.programs).toBe(one!.programs);
  expect(two!.step.total).toBeLessThan(0.9 * one!.step.total);
});
