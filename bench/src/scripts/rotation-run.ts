/**
 * Steps of training with weights as constants: those that follow a retirement, beside as many later ones of the same worker. Takes its
 * task as JSON in argv[2], prints a sample as JSON.
 */
import { createTrainer } from '@mayfly/core';
import { type StepPairs, stepPairs } from '../harness/alternate-steps.js';
import { type Placement, startWorkersApart } from '../harness/placement.js';
import { quantile } from '../harness/statistics.js';
import { KERNELS, trainPool, trainShape, trainTokens } from '../harness/train-shape.js';

export interface RotationTask {
  readonly placement: Placement;
  /** Workers that are measured. */
  readonly lives: number;
  /** Steps from a retirement on; a worker's life is twice as long. */
  readonly steps: number;
}

/** First: the later steps of a life. Second: those from its beginning on. */
export interface RotationSample extends StepPairs {
  readonly retirements: number;
  /** Of a compilation, waiting for its worker included, milliseconds. */
  readonly compilationP50: number;
  readonly compilationP99: number;
}

const { placement, lives, steps } = JSON.parse(process.argv[2]!) as RotationTask;
if (placement === 'pinned') startWorkersApart();
const budget = { compilations: 2 * steps * KERNELS, livePrograms: Number.MAX_SAFE_INTEGER };
const trainer = await createTrainer({
  ...trainShape,
  data: trainTokens(),
  weights: 'static',
  steps: 2 * steps * (lives + 1),
  pool: { ...trainPool, budget },
});
const compilations: number[] = [];
trainer.pool.on('compile', ({ ms }) => compilations.push(ms));
let retired = false;
trainer.pool.on('workerRetire', () => {
  retired = true;
});
const later: number[] = [];
const early: number[] = [];
const ratios: number[] = [];
/** Of the worker that serves; the first one's life has another beginning. */
let life: number[] | null = null;
for await (const { ms } of trainer.steps()) {
  life?.push(ms);
  // Its last update is compiled by the successor.
  if (!retired) continue;
  retired = false;
  if (life !== null) note(life);
  life = [];
}
const sorted = Float64Array.from(compilations).sort();
const sample: RotationSample = {
  ...stepPairs(later, early, ratios),
  retirements: trainer.summary().retirements,
  compilationP50: quantile(sorted, 0.5),
  compilationP99: quantile(sorted, 0.99),
};
await trainer.close();
console.log(JSON.stringify(sample));

function note(took: readonly number[]): void {
  if (took.length !== 2 * steps) throw new Error(`Expected a life of ${2 * steps} steps, got ${took.length}`);
  const [first, second] = [took.slice(0, steps), took.slice(steps)];
  early.push(...first);
  later.push(...second);
  ratios.push(sum(first) / sum(second));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
