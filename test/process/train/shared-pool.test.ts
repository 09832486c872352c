import { createPool, createTrainer, type Trainer } from '@mayfly/core';
import { expect, test } from 'vitest';
import { fingerprint, runTraining, smallRun, smallStream } from '../../fixtures/small-run.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const data = smallStream(temporaryFolder());

/** Trains to the end. `onStep` is called after each step. */
async function train(trainer: Trainer, onStep: () => void) {
  for await (const _ of trainer.steps()) onStep();
  return fingerprint({ summary: trainer.summary() });
}

test.each(['dynamic', 'static'] as const)(
  'two trainers on one pool at the same time, %s weights: the bits of each alone, and neither waits for the end of the other',
  async (weights) => {
    const { pool: _, ...run } = { ...smallRun, steps: 12, data, weights };
    const seeds = [0, 1];
    const alone: object[] = [];
    for (const seed of seeds) alone.push(fingerprint(await runTraining({ ...run, seed, pool: { standby: 0 } })));
    expect(alone[0]).not.toEqual(alone[1]);

    await using pool = await createPool({ standby: 1, arenaBytes: 2 ** 28 });
    await using first = await createTrainer({ ...run, seed: 0, pool });
    await using second = await createTrainer({ ...run, seed: 1, pool });
    const order: number[] = [];
    const both = [first, second].map((trainer, index) => train(trainer, () => order.push(index)));
    expect(await Promise.all(both)).toEqual(alone);
    expect(pool.stats().deaths).toBe(0);
    const changes = order.filter((index, at) => at > 0 && order[at - 1] !== index).length;
    expect([order.length, changes >= 6], order.join('')).toEqual([24, true]);
  },
);
