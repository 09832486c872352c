import { createTrainer, type TrainOptions } from '@mayfly/core';
import { lint, loadProfile } from '@mayfly/core/chips';
import { classifierPrograms, type ModelConfig, TokenArray } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { smallConfig, smallTokens } from '../../fixtures/small-model.js';
import { fingerprint, runTraining } from '../../fixtures/small-run.js';

/** Two chunks, the last of which is not full. */
const vocab = 9001;
const data = new TokenArray(
  Uint16Array.from(smallTokens(1500, 300), (id) => id * 30),
  'tokens',
);
const model = (tiedHead: boolean): ModelConfig => ({ ...smallConfig, headDim: 6, vocab, tiedHead });
const options = { data, batch: 2, seq: 16, accumulate: 2, steps: 4, lr: 3e-3, hostThreads: 1 } as const;
const pool = { device: 'cpu', standby: 0, threads: 1 };

async function run(more: TrainOptions) {
  return await runTraining({ ...options, pool, ...more });
}

test.each([
  ['tied', true, 'dynamic'],
  ['separate', false, 'static'],
] as const)('of a %s table on the device has the losses of the host', async (_, tiedHead, weights) => {
  const common = { model: model(tiedHead), weights, validation: 0.3, evaluateEvery: 4, evaluateWindows: 3 } as const;
  const host = await run(common);
  const device = await run({ ...common, classifier: 'device' });
  for (const [step, { loss, gradNorm }] of device.records.entries()) {
    expect(Math.abs(loss - host.records[step]!.loss)).toBeLessThan(1e-3);
    expect(Math.abs(gradNorm / host.records[step]!.gradNorm - 1)).toBeLessThan(5e-3);
  }
  expect(Math.abs(device.summary.best!.crossEntropy - host.summary.best!.crossEntropy)).toBeLessThan(1e-3);
  // Forward and backward of two chunks, twice a step.
  const { dispatches } = device.summary.stepWork!;
  expect(dispatches - host.summary.stepWork!.dispatches).toBe(2 * 4);
});

test('gives the same bits on any number of workers that retire', async () => {
  const classifier = 'device';
  const one = await run({ model: model(true), classifier });
  const several = await run({
    model: model(true),
    classifier,
    pool: { ...pool, workers: 2, budget: { evaluations: 40 } },
  });
  expect(fingerprint(several)).toEqual(fingerprint(one));
});

test('runs under the rules of a chip, with a compact vocabulary and frozen parts', async () => {
  await using trainer = await createTrainer({
    ...{ ...options, steps: 1, model: model(true), classifier: 'device', compactVocabulary: true },
    ...{ freeze: ['embedding'], pool: { device: 'sim:m4', standby: 0 } },
  });
  const { loss } = await trainer.train();
  expect(loss).toBeGreaterThan(1);
});

test.each([
  ['stories110m', 768, 32_000, 256],
  ['qwen3-0.6b', 1024, 151_936, 256],
  ['llama-2-7b', 4096, 32_000, 256],
  ['stories15m', 288, 32_000, 2048],
])('the programs of %s break no rule of an M4', (_, dim, classes, columns) => {
  const { rows, chunks, forward, backward, input } = classifierPrograms({ dim, vocab: classes, columns });
  expect(rows).toBeLessThanOrEqual(8192);
  expect(rows * chunks).toBeGreaterThanOrEqual(classes);
  expect(input.width).toBeLessThanOrEqual(16_384);
  for (const { program } of [forward, backward]) {
    const broken = lint(program.text, loadProfile('m4')).filter(({ level }) => level === 'error');
    expect(broken.map(({ rule, message }) => `${rule}: ${message}`)).toEqual([]);
  }
});
