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

/** Milliseconds of a step, and the parts it is made of: fields other than `p50`. Host math is listed by function. */
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

const hostMath: Record<string, number> = {};
const math = addon.math as unknown as Record<string, (...given: unknown[]) => unknown>;
for (const [key, call] of Object.entries(math)) {
  math[key] = (...given) => {
    const start = performance.now();
    try {
      return call(...given);
    } finally {
      hostMath[key] = (hostMath[key] ?? 0) + performance.now() - start;
    }
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

/** Time spent so far: waiting, and in host math. What an update waits for is counted as host math by the functions it calls. */
function spent(): Record<string, number> {
  const { kernels, hostThreads, compile, dispatch } = trainer.activityMs;
  const waits = {
    'waiting for kernels': kernels,
    'waiting for host threads': hostThreads,
    'waiting for updates': compile,
    'handing over work': dispatch,
  };
  return { ...waits, ...hostMath };
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
