/**
 * Steps of training with their kernels called in this process, and through one worker, in turns. Takes its task as JSON in
 * argv[2], prints a sample as JSON.
 */

import { createTrainer, presets, type Trainer } from '@mayfly/core';
import { arenaBytesFor, Pool, resolvePoolOptions } from '@mayfly/core/testing';
import { alternateSteps, type StepPairs, type Turns } from '../harness/alternate-steps.js';
import { directTransport } from '../harness/direct-transport.js';
import { type Placement, startWorkersApart, stayOn } from '../harness/placement.js';
import { trainPool, trainShape, trainTokens } from '../harness/train-shape.js';

export interface IsolationTask extends Turns {
  readonly weights: 'dynamic' | 'static';
  readonly placement: Placement;
}

/** First: called here. Second: through a worker. */
export type IsolationSample = StepPairs;

const { weights, placement, ...turns } = JSON.parse(process.argv[2]!) as IsolationTask;
const { model, batch, seq } = trainShape;
const arenaBytes = arenaBytesFor({ config: presets[model], batch, sequence: seq, weights, training: true });
const unlimited = Number.MAX_SAFE_INTEGER;
const budget = { compilations: unlimited, livePrograms: unlimited };
const options = resolvePoolOptions({ ...trainPool, workers: 1, standby: 0, arenaBytes, budget });
const steps = turns.warmup + turns.turns * (turns.skipped + turns.counted);

// The host threads of a training run where the thread was that started them: on the processor that the kernels leave.
if (placement === 'pinned') stayOn(1);
const direct = await train(new Pool(options, directTransport));
if (placement === 'pinned') startWorkersApart();
const pooled = await train(new Pool(options));
const sample: IsolationSample = await alternateSteps(direct, pooled, turns);
for (const trainer of [direct, pooled]) {
  await trainer.close();
  await trainer.pool.close();
}
console.log(JSON.stringify(sample));

async function train(pool: Pool): Promise<Trainer> {
  await pool.open();
  return createTrainer({ ...trainShape, weights, steps, data: trainTokens(), pool });
}
