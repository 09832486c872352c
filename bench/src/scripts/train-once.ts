/**
 * One life of a training program: from its start or from a checkpoint to a given step. Takes its task as JSON in argv[2],
 * prints a sample as JSON.
 */
import { createTrainer } from '@mayfly/core';
import { trainPool, trainShape, trainTokens } from '../harness/train-shape.js';

export interface TrainTask {
  /** The last step of this life. */
  readonly until: number;
  /** The last step of the run. */
  readonly steps: number;
  /** Compilations after which a worker retires; null: never. */
  readonly retireAfter: number | null;
  /** Folder of checkpoints: one is written at the end. */
  readonly out?: string;
  /** Goes on from the checkpoint in `out`. */
  readonly resumed?: boolean;
}

export interface TrainSample extends Record<string, number> {
  readonly retirements: number;
}

const { until, steps, retireAfter, out, resumed } = JSON.parse(process.argv[2]!) as TrainTask;
const unlimited = Number.MAX_SAFE_INTEGER;
const budget = { compilations: retireAfter ?? unlimited, livePrograms: unlimited };
const trainer = await createTrainer({
  ...trainShape,
  data: trainTokens(),
  weights: 'static',
  steps,
  out,
  resume: resumed ? out : undefined,
  pool: { ...trainPool, budget },
});
for await (const { step } of trainer.steps()) if (step >= until) break;
const { retirements } = trainer.summary();
await trainer.close();
const sample: TrainSample = { retirements };
console.log(JSON.stringify(sample));
