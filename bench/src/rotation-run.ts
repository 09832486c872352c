/**
 * Steps of training with weights as constants, without a limit of compilations and with one that makes workers retire, in turns.
 * Takes its task as JSON in argv[2], prints a sample as JSON.
 */
import { createTrainer, type Trainer } from '@mayfly/core';
import { alternateSteps, type StepPairs, type Turns } from './harness/alternate-steps.js';
import { type Placement, startWorkersApart } from './harness/placement.js';
import { quantile } from './harness/statistics.js';
import { trainShape, trainTokens } from './harness/train-shape.js';

export interface RotationTask extends Turns {
  readonly placement: Placement;
  /** Compilations after which a worker retires. */
  readonly retireAfter: number;
}

/** First: no limit. Second: workers retire. */
export interface RotationSample extends StepPairs {
  readonly retirements: number;
  /** Of a compilation without a limit, waiting for its worker included, milliseconds. */
  readonly compilationP50: number;
  readonly compilationP99: number;
}

const { placement, retireAfter, ...turns } = JSON.parse(process.argv[2]!) as RotationTask;
if (placement === 'pinned') startWorkersApart();
const steps = turns.warmup + turns.turns * (turns.skipped + turns.counted);
const unlimited = Number.MAX_SAFE_INTEGER;
const free = await train(unlimited);
const retiring = await train(retireAfter);
const compilations: number[] = [];
free.on('kernel-move', ({ ms }) => compilations.push(ms));
const pairs = await alternateSteps(free, retiring, turns);
const sorted = Float64Array.from(compilations).sort();
const sample: RotationSample = {
  ...pairs,
  retirements: retiring.summary().retirements,
  compilationP50: quantile(sorted, 0.5),
  compilationP99: quantile(sorted, 0.99),
};
for (const trainer of [free, retiring]) await trainer.close();
console.log(JSON.stringify(sample));

function train(compilations: number): Promise<Trainer> {
  const budget = { compilations, livePrograms: unlimited };
  return createTrainer({ ...trainShape, weights: 'static', steps, budget }, { stream: trainTokens() });
}
