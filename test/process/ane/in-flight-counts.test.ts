import { createTrainer } from '@mayfly/core';
import { loadProfile } from '@mayfly/core/chips';
import { adaptLayer, decoderLayerOf } from '@mayfly/core/layers';
import { planTraining } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { emulators, useRuntime } from '../../fixtures/ane-emulator.js';
import { countedModels } from '../../fixtures/counted-models.js';
import { smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
useRuntime('T1', emulators[0]!.path, folder);

const profile = loadProfile('m4');
const lora = { rank: 2, targets: ['wq', 'w2'] };
const adapted = { ...lora, alpha: 4, dropout: 0, rslora: false };
const models = Object.values(countedModels(3));

interface Case {
  readonly inFlight: number;
  readonly workers: number;
  readonly accumulate: number;
  readonly classifier: 'host' | 'device';
  readonly weightGradients: string;
}

const onHost: Case = { inFlight: 2, workers: 2, accumulate: 3, classifier: 'host', weightGradients: 'host' };

const cases: readonly Case[] = [
  { inFlight: 2, workers: 1, accumulate: 2, classifier: 'device', weightGradients: 'attention' },
  { inFlight: 2, workers: 2, accumulate: 3, classifier: 'device', weightGradients: 'device' },
  { inFlight: 2, workers: 2, accumulate: 2, classifier: 'host', weightGradients: 'host' },
  { inFlight: 3, workers: 2, accumulate: 5, classifier: 'host', weightGradients: 'feedForward' },
];

const environment = { MAYFLY_ANE_SURFACES: 'shared', MAYFLY_ANE_PREFETCH: 'on' };

/** Of a run of two steps, and of its plan, without the count that depends on time: which passes find that an update of a part of the model has not ended; of each part one does. */
async function counted({ inFlight, workers, ...shape }: Case, index: number, kind: 'dynamic' | 'static' | 'lora') {
  Object.assign(process.env, environment);
  const config = models[index % models.length]!;
  const weights = kind === 'dynamic' ? 'dynamic' : 'static';
  const options = { ...shape, batch: 1, weights, inFlight } as const;
  const pool = { device: 'ane', workers, standby: 0, budget: { compilations: 10_000, livePrograms: 1000 } };
  const adapters = kind === 'lora' ? { lora } : {};
  await using trainer = await createTrainer({ ...options, ...adapters, model: config, data, seq: 8, steps: 2, pool });
  const { stepWork } = await trainer.train();
  const layer = kind === 'lora' ? { layer: adaptLayer(decoderLayerOf(config), adapted) } : {};
  const { counts } = planTraining({ ...options, ...layer, config, profile, sequence: 8, workers });
  const parts = config.layers + 4;
  const more = stepWork!.waits.hostMath - counts.waits.hostMath;
  expect(more).toBeGreaterThanOrEqual(0);
  expect(more).toBeLessThanOrEqual((inFlight - 1) * parts);
  const exact = (work: typeof counts) => ({ ...work, waits: { ...work.waits, hostMath: 0 } });
  return { work: exact(stepWork!), plan: exact(counts), config };
}

test.each(cases.map((given, index) => ({ ...given, index })))(
  'passes in flight with dynamic weights do what their plan counts: %o',
  async ({ index, ...given }) => {
    const { work, plan } = await counted(given, index, 'dynamic');
    expect(work).toEqual(plan);
  },
);

test.each([1, 2])('passes in flight with adapters do what their plan counts, on %i workers', async (workers) => {
  const { work, plan } = await counted({ ...onHost, workers }, 0, 'lora');
  expect(work).toEqual(plan);
});

test('passes in flight with static weights copy what their plan counts, and activations that another pass left no time to read in place', async () => {
  const { work, plan, config } = await counted(onHost, 0, 'static');
  const more = work.copiedBytes - plan.copiedBytes;
  const activation = 2 * config.dim * 8;
  expect(more % activation).toBe(0);
  expect(more).toBeGreaterThanOrEqual(0);
  expect(more).toBeLessThanOrEqual(onHost.accumulate * 2 * config.layers * activation);
  expect({ ...work, copiedBytes: 0 }).toEqual({ ...plan, copiedBytes: 0 });
});
