import { createTrainer, type PoolEvents, type TrainerEvents } from '@mayfly/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);
const options = { model: 'tiny', data, ...smallRun } as const;

const uncaught: string[] = [];
beforeEach(() => {
  uncaught.length = 0;
  process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error.message));
});
afterEach(() => process.setUncaughtExceptionCaptureCallback(null));

test('a trainer records the events of its pool that belong in the log', async () => {
  await using trainer = await createTrainer({ ...options, steps: 1 });
  const names = [
    ...(['workerStart', 'workerReady', 'workerRetire', 'workerExit', 'kernelMove'] as const),
    ...(['budgetLower', 'kernelQuarantine'] as const),
  ];
  const heard: string[] = [];
  trainer.on('record', ({ event }) => heard.push(event));
  for (const name of [...names, 'compile', 'fault', 'drain'] as const) trainer.pool.emit(name, {} as never);
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual(names);
});

test('listeners that throw at every event change nothing in a run that retires workers', async () => {
  const pool = { standby: 0, budget: { compilations: 20 } };
  await using trainer = await createTrainer({
    ...options,
    out: folder,
    checkpointEvery: 2,
    pool,
    weights: 'static',
  });
  const calm = await runTraining({ ...options, pool, weights: 'static' });
  for (const name of ['step', 'checkpoint'] satisfies (keyof TrainerEvents)[])
    trainer.on(name, () => {
      throw new Error(name);
    });
  for (const name of ['workerRetire', 'workerExit', 'kernelMove'] satisfies (keyof PoolEvents)[])
    trainer.pool.on(name, () => {
      throw new Error(name);
    });
  const summary = await trainer.train();
  expect(fingerprint({ summary })).toEqual(fingerprint(calm));
  expect(new Set(uncaught)).toEqual(new Set(['step', 'checkpoint', 'workerRetire', 'workerExit', 'kernelMove']));
  expect(uncaught.filter((name) => name === 'step')).toHaveLength(smallRun.steps);
});
