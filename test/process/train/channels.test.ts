import { join } from 'node:path';
import { createTrainer } from '@mayfly/core';
import type { ActivityMessage, StepMessage } from '@mayfly/core/observe';
import { readRunLog } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { hear } from '../../fixtures/heard-channels.js';
import { smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const data = smallStream(folder);

test('channels say what a trainer does, and its log counts by kernel what it does not list', async () => {
  using ear = hear(['mayfly:activity'], ['mayfly:step', 'mayfly:checkpoint', 'mayfly:evaluation']);
  const out = join(folder, 'run');
  await using trainer = await createTrainer({
    ...{ model: 'tiny', data, out, ...smallRun },
    ...{ checkpointEvery: 4, validation: 0.3, evaluateEvery: 3 },
  });
  const summary = await trainer.train();

  const named = (name: string) => ear.heard.filter(({ channel }) => channel === name).map(({ message }) => message);
  const steps = named('mayfly:step end') as StepMessage[];
  expect(named('mayfly:step start')).toEqual(steps);
  expect(steps.map(({ step, result }) => [step, result?.step])).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, step]));
  expect(steps.every((message) => message.trainer === trainer)).toBe(true);
  expect(named('mayfly:checkpoint end')).toMatchObject([{ step: 4 }, { step: 6 }]);
  expect(named('mayfly:evaluation end')).toMatchObject([{ step: 0 }, { step: 3 }, { step: 6 }]);

  // Activities of the main process never overlap, and are what the summary adds up.
  const activities = named('mayfly:activity') as ActivityMessage[];
  const waited = activities.filter(({ activity }) => activity === 'kernels');
  expect(waited.reduce((sum, { beganMs, endedMs }) => sum + endedMs - beganMs, 0)).toBeCloseTo(
    summary.activityMs.kernels,
    6,
  );

  const log = readRunLog(out);
  const stats = log.filter(({ event }) => event === 'stats');
  expect(stats.map(({ step }) => step)).toEqual([0, 6]);
  const kernels = stats[1]!.kernels as { name: string; count: number; buckets: { count: number }[] }[];
  expect(kernels.map(({ count, buckets }) => buckets.reduce((sum, each) => sum + each.count, 0) - count)).toEqual(
    kernels.map(() => 0),
  );
  expect(kernels.reduce((sum, { count }) => sum + count, 0)).toBe(summary.dispatches);
  expect(stats[1]).toMatchObject({ step: 6, dispatches: summary.dispatches, workers: [{ id: 1, state: 'serving' }] });
});
