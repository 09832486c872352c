import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, type TrainOptions } from '@mayfly/core';
import { ParameterLayout } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { lastEvent, mayfly } from '../../fixtures/command.js';
import { checkpoints, flags, out, run, small } from '../../fixtures/run-folder.js';
import { smallConfig } from '../../fixtures/small-model.js';
import { fingerprint, runTraining, smallRun } from '../../fixtures/small-run.js';

const model = { ...smallConfig, vocab: 200 };
const muon = { ...smallRun, data: small.data, model, optimizer: 'muon', steps: 5 } as const;
const resume = (options: TrainOptions = {}) => runTraining({ resume: out, pool: { standby: 0 }, ...options });

describe('muon', () => {
  test('gives the same bits with other workers, threads, and after an interruption', async () => {
    const whole = await runTraining(muon);
    const spread = await runTraining({
      ...muon,
      hostThreads: 0,
      pool: { workers: 2, standby: 1, budget: { evaluations: 9 } },
    });
    expect(fingerprint(spread)).toEqual(fingerprint(whole));
    await runTraining({ ...muon, out }, 2);
    expect(fingerprint(await resume())).toEqual(fingerprint(whole));
    const adamw = await runTraining({ ...muon, optimizer: 'adamw' });
    expect(fingerprint(adamw).parameters).not.toBe(fingerprint(whole).parameters);
  });

  test('trains with static weights, where kernels get the same weights', async () => {
    // Losses differ from dynamic weights by the rounding of the residual stream alone.
    const [fixed, moving] = [await runTraining({ ...muon, weights: 'static' }), await runTraining(muon)];
    for (const [index, { loss }] of fixed.records.entries())
      expect(Math.abs(loss - moving.records[index]!.loss)).toBeLessThan(2e-3);
  });

  test('has no second moments for the matrices of layers, and learns', async () => {
    const options = { ...muon, out, steps: 60, lossScale: 'dynamic', accumulate: 1, lr: 3e-2 } as const;
    const { records } = await runTraining(options);
    expect(records.at(-1)!.loss).toBeLessThan(records[0]!.loss - 0.8);
    const bytes = statSync(join(out, checkpoints().at(-1)!)).size;
    const { count, entries } = new ParameterLayout(model);
    const byAdamW = entries.reduce((sum, { decay, layer, count: own }) => sum + (decay && layer >= 0 ? 0 : own), 0);
    expect(bytes).toBeGreaterThan(4 * (2 * count + byAdamW));
    expect(bytes).toBeLessThan(4 * (2 * count + byAdamW) + 16_384);
    await expect(resume({ optimizer: 'adamw' })).rejects.toThrow(
      'Expected optimizer to be muon as in the run that is resumed',
    );
  });
});

describe('groups and frozen parts', () => {
  test('have rates of their own', async () => {
    await using trainer = await createTrainer({
      ...{ ...small, model, out: undefined, steps: 1, weightDecay: 0.5, clip: 0 },
      groups: [
        { parameters: 'layers.0.*', lr: 0 },
        { parameters: 'layers.1.wq', weightDecay: 0 },
      ],
    });
    const still = trainer.parametersDigest();
    await trainer.train();
    expect(trainer.parametersDigest()).not.toBe(still);
    const none = await runTraining({ ...small, model, groups: [{ parameters: '*', lr: 0 }] });
    const untouched = await runTraining({ ...small, model, lr: 1e-30 });
    expect(none.summary.paramsSha256).toBe(untouched.summary.paramsSha256);
  });

  test('are options of the command', async () => {
    const more = [
      '--freeze',
      '0-1,embedding',
      '--groups',
      '[{"parameters":"finalNorm","lr":0.5}]',
      '--schedule',
      'wsd',
    ];
    const ended = await mayfly(['train', ...flags, ...more, '--out', out, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const done = lastEvent(ended, 'done');
    const direct = await run({
      ...{ out: join(out, 'direct'), schedule: 'wsd', freeze: [0, 1, 'embedding'] },
      groups: [{ parameters: 'finalNorm', lr: 0.5 }],
      warmup: 0,
      lr: 1e-3,
    });
    expect(done).toMatchObject({ params_sha256: direct.summary.paramsSha256 });
    const refused = await mayfly(['train', ...flags, '--groups', '[{"parameter":"x"}]', '--out', join(out, 'no')]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('(Did you mean parameters?)') });
    const unknown = await mayfly(['train', ...flags, '--freeze', '3-1', '--out', join(out, 'no')]);
    expect(unknown).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Expected --freeze to be layers from 0 to'),
    });
  });
});
