import { join } from 'node:path';
import { createTrainer, presets, type TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const options: TrainOptions = { ...smallRun, data, batch: 1, accumulate: 3, steps: 4, hostThreads: 1 };
const weightGradients = 'device';
const one = { standby: 0, threads: 1 };

const related = { ...presets.tiny, kvHeads: 2, qkNorm: true, attentionBias: true, mlpBias: true, tiedHead: false };

test.each<[string, TrainOptions]>([
  ['dynamic weights', {}],
  ['static weights, one pass', { weights: 'static', accumulate: 1 }],
  ['biases, norms of heads, and shared keys', { model: related }],
  ['adapters', { lora: { rank: 4, dropout: 0.2 } }],
  ['recomputation', { recompute: true, hostThreads: 0 }],
  ['a frozen layer, and a classifier on the device', { freeze: [0], classifier: 'device' }],
  ['gradients of one block', { weightGradients: 'feedForward' }],
])('with %s the losses are those of the host', async (_, given) => {
  const host = await runTraining({ ...options, ...given, weightGradients: 'host', pool: one });
  const device = await runTraining({ ...options, weightGradients, ...given, pool: one });
  for (const [step, { loss, gradNorm }] of device.records.entries()) {
    expect(Math.abs(loss - host.records[step]!.loss)).toBeLessThan(1e-3);
    expect(Math.abs(gradNorm / host.records[step]!.gradNorm - 1)).toBeLessThan(5e-3);
  }
  expect(fingerprint(device)).not.toEqual(fingerprint(host));
  expect(device.summary.stepWork!.dispatches).toBeGreaterThan(host.summary.stepWork!.dispatches);
});

test('the bits are the same with passes in flight, on workers that retire, and on any number of threads', async () => {
  const reference = fingerprint(await runTraining({ ...options, weightGradients, pool: one }));
  const others: TrainOptions[] = [
    { inFlight: 2, pool: one, hostThreads: 0 },
    { pool: { standby: 1, threads: 1, workers: 2, budget: { evaluations: 60 } }, hostThreads: 2 },
  ];
  for (const other of others) {
    expect(fingerprint(await runTraining({ ...options, weightGradients, ...other }))).toEqual(reference);
  }
});

test('sums beyond the largest fp16 count as an overflow of the loss scale', async () => {
  const scaled: TrainOptions = { ...options, batch: 16, accumulate: 1, lossScale: 2 ** 22, pool: one };
  const [host] = (await runTraining({ ...scaled, weightGradients: 'host' }, 1)).records;
  const [device] = (await runTraining({ ...scaled, weightGradients }, 1)).records;
  expect(host!.skipped).toBe(false);
  expect(device!.skipped).toBe(true);
  expect(device!.gradNorm).toBe(Number.POSITIVE_INFINITY);
});

test('a resumed run has them again', async () => {
  const whole = await runTraining({ ...options, weightGradients, pool: one });
  const out = join(folder, 'run');
  await runTraining({ ...options, weightGradients, pool: one, out, checkpointEvery: 2, steps: 4 }, 2);
  await using trainer = await createTrainer({ resume: out, pool: one });
  expect(trainer.form.weightGradients).toEqual({ attention: 'device', feedForward: 'device' });
  expect(trainer.options.weightGradients).toBe('device');
  await trainer.train();
  expect(fingerprint({ summary: trainer.summary() })).toEqual(fingerprint(whole));
});

test('what is on the host by default is kept as such', async () => {
  await using trainer = await createTrainer({ ...options, pool: one });
  expect(trainer.options.weightGradients).toBe('host');
  expect(trainer.form.weightGradients).toBeUndefined();
});

test('a block that no layer has is named', async () => {
  await expect(createTrainer({ ...options, weightGradients: 'attention,mlp', pool: one })).rejects.toThrow(
    'Expected weightGradients to be host, device, attention, feedForward, got `mlp`',
  );
});
