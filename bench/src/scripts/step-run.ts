/** Steps of training. Takes its task as JSON in argv[2], prints a sample as JSON. */
import { createTrainer, TokenArray } from '@mayfly/core';
import { addon } from '@mayfly/core/testing';
import type { Precision } from '@mayfly/native';
import { median } from '../harness/statistics.js';
import type { StepModel } from '../harness/step-models.js';

export interface StepTask {
  readonly model: StepModel;
  /** Of the device's products. Default: exact. */
  readonly precision?: Precision;
  /** The ids that the data hold, if not all: with `compact`, the model is trained with these alone. */
  readonly classes?: number;
  readonly compact?: boolean;
  /** Of the worker's device, and of the host beside the main thread. Defaults: the trainer's. */
  readonly threads?: number;
  readonly hostThreads?: number;
  readonly warmup: number;
  readonly steps: number;
}

/** Milliseconds of a step, the parts it is made of, and what the queue of host math did beside them, by function. */
export type StepSample = { readonly p50: number } & Record<string, number>;

const {
  model,
  warmup,
  steps,
  hostThreads,
  classes,
  compact = false,
  ...pool
} = JSON.parse(process.argv[2]!) as StepTask;
const { name, config, sequence, batch } = model;

/** Milliseconds by function of the queue, which runs one job after the other: from the end of the job before, or the call. */
const queued: Record<string, number> = {};
const queue = addon.mathQueue as unknown as Record<string, (...given: unknown[]) => unknown>;
let lastEnd = 0;
for (const [key, call] of Object.entries(queue)) {
  queue[key] = (...given) => {
    const called = performance.now();
    const job = call(...given);
    // Such as `rank`, which queues nothing.
    if (!(job instanceof Promise)) return job;
    const end = () => {
      const now = performance.now();
      queued[`queue: ${key}`] = (queued[`queue: ${key}`] ?? 0) + now - Math.max(called, lastEnd);
      lastEnd = now;
    };
    job.then(end, end);
    return job;
  };
}

const ids = Uint16Array.from(
  { length: 65_536 },
  (_, index) => (Math.imul(index, 2_654_435_761) >>> 16) % (classes ?? config.vocab),
);
const options = {
  batch,
  seq: sequence,
  steps: warmup + steps,
  lr: 1e-4,
  hostThreads,
  compactVocabulary: compact,
  pool,
};
const data = new TokenArray(ids, 'generated');
const trainer = await createTrainer({ ...options, model: { ...config, name }, data });

/** Time of the main process so far, by activity, and of the queue, which works beside it. */
function spent(): Record<string, number> {
  const { kernels, hostMath, hostThreads, compile, dispatch } = trainer.activityMs;
  return {
    'waiting for kernels': kernels,
    'host math': hostMath,
    'waiting for host threads': hostThreads,
    'waiting for updates': compile,
    'handing over work': dispatch,
    ...queued,
  };
}

const rows: Record<string, number>[] = [];
let before = spent();
for await (const { step, ms } of trainer.steps()) {
  const now = spent();
  const row = Object.fromEntries(Object.entries(now).map(([key, value]) => [key, value - (before[key] ?? 0)]));
  before = now;
  if (step > warmup) rows.push({ p50: ms, ...row });
}
await trainer.close();
// Parts as means of the steps in the middle half by time: medians of parts would not add up.
const middle = rows.sort((a, b) => a.p50! - b.p50!).slice(rows.length >> 2, Math.max(1, Math.ceil(0.75 * rows.length)));
const mean = (key: string) => middle.reduce((sum, row) => sum + row[key]!, 0) / middle.length;
const sample = Object.fromEntries(Object.keys(rows[0]!).map((key) => [key, mean(key)]));
console.log(JSON.stringify({ ...sample, p50: median(rows.map((row) => row.p50!)), mean: mean('p50') }));
