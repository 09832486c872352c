import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer } from '@mayfly/core';
import { describe, expect, test } from 'vitest';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);

describe.each(['dynamic', 'static'] as const)('%s weights', (weights) => {
  describe.each(['random', 'sequential'] as const)('%s order', (order) => {
    const options = { ...smallRun, data, weights, order, schedule: 'cosine', lossScale: 'dynamic' } as const;
    const out = join(folder, `${weights}-${order}`);

    test('stopped at any step and resumed, equals the run that was not', async () => {
      const whole = await runTraining(options);
      for (let stop = 1; stop < smallRun.steps; stop++) {
        const first = await runTraining({ ...options, out }, stop);
        expect(first.summary).toMatchObject({
          lastStep: stop,
          reason: 'aborted',
          resumeCommand: expect.stringMatching(`mayfly(\\.js)? train --resume ${out} --standby 0$`),
        });
        const second = await runTraining({ resume: out, pool: { standby: 0 } });
        expect(fingerprint(second)).toEqual(fingerprint(whole));
        expect(second.records.map(({ loss }) => loss)).toEqual(whole.records.slice(stop).map(({ loss }) => loss));
        expect(second.summary).toMatchObject({ reason: 'finished', stepsRun: smallRun.steps - stop });
        rmSync(out, { recursive: true });
      }
    });
  });
});

test('an abort finishes the step and writes a checkpoint', async () => {
  const out = join(folder, 'aborted');
  await using trainer = await createTrainer({ ...smallRun, data, out });
  const abort = new AbortController();
  const checkpoints: number[] = [];
  trainer.on('step', ({ step }) => step === 3 && abort.abort());
  trainer.on('checkpoint', ({ step }) => checkpoints.push(step));
  const summary = await trainer.train({ signal: abort.signal });
  expect(summary).toMatchObject({ reason: 'aborted', lastStep: 3 });
  expect(summary.checkpoint).toBe(join(out, 'step-00000003.mayfly'));
  expect(checkpoints).toEqual([3]);
});

test('checkpoints are written every checkpointEvery steps, and the last ones are kept', async () => {
  const out = join(folder, 'periodic');
  const checkpoints: number[] = [];
  await using trainer = await createTrainer({ ...smallRun, data, out, checkpointEvery: 2, keep: 2 });
  trainer.on('checkpoint', ({ step }) => checkpoints.push(step));
  await trainer.train();
  expect(checkpoints).toEqual([2, 4, 6]);
});

test('a finished run that is resumed with more steps goes on', async () => {
  const out = join(folder, 'longer');
  const whole = await runTraining({ ...smallRun, data, steps: 8 });
  await runTraining({ ...smallRun, data, out });
  const longer = await runTraining({ resume: out, steps: 8, pool: { workers: 2 } });
  expect(fingerprint(longer)).toEqual(fingerprint(whole));
});
