import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { isAlive } from '../../fixtures/is-alive.js';
import { runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());
const options: TrainOptions = { ...smallRun, model: 'tiny', data, pool: { device: 'cpu', standby: 0 } };
const program = new URL('../../fixtures/training-thread.mjs', import.meta.url);

interface Posted {
  readonly loss: number;
  readonly pids: readonly number[];
}

/** The losses of a training in a worker thread, once its trainer is closed. */
async function trainInThread(): Promise<number[]> {
  const thread = new Worker(program, { workerData: options });
  const losses: number[] = [];
  let last: unknown;
  thread.on('message', (message: Posted | 'closed') => {
    last = message;
    if (message !== 'closed') losses.push(message.loss);
  });
  expect(await once(thread, 'exit')).toEqual([0]);
  expect(last).toBe('closed');
  return losses;
}

test('two worker threads and the main thread train at once, each with the bits of the main thread alone', async () => {
  const alone = (await runTraining(options)).records.map(({ loss }) => loss);
  const [main, ...threads] = await Promise.all([runTraining(options), trainInThread(), trainInThread()]);
  expect(main.records.map(({ loss }) => loss)).toEqual(alone);
  expect(threads).toEqual([alone, alone]);
});

test('a worker thread that is terminated amid a training leaves no process, and its pool no trace in the next', async () => {
  const endless = { ...options, steps: 1_000_000 };
  const thread = new Worker(program, { workerData: endless });
  const [{ pids }] = (await once(thread, 'message')) as [Posted];
  expect(pids.length).toBeGreaterThan(0);
  await thread.terminate();
  for (const pid of pids) await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);
  expect((await trainInThread()).length).toBe(smallRun.steps);
});
