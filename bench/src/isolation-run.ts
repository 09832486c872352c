/**
 * Steps of training through one worker, or with its kernels called in this process. Takes its task as JSON in argv[2],
 * prints a sample as JSON.
 */
import { arenaBytesFor, createTrainer, Pool, presets } from '@mayfly/core';
import { resolvePoolOptions } from '../../packages/core/src/pool/pool-options.js';
import { directTransport } from './harness/direct-transport.js';
import { quantile } from './harness/statistics.js';
import { trainShape, trainTokens } from './harness/train-shape.js';

export interface IsolationTask {
  readonly direct: boolean;
  readonly weights: 'dynamic' | 'static';
  readonly warmup: number;
  readonly steps: number;
}

export interface IsolationSample extends Record<string, number> {
  /** Of a step, milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const { direct, weights, warmup, steps } = JSON.parse(process.argv[2]!) as IsolationTask;
const { model, batch, seq, device, threads } = trainShape;
const arenaBytes = arenaBytesFor({ config: presets[model], batch, sequence: seq, weights, training: true });
const unlimited = Number.MAX_SAFE_INTEGER;
const budget = { compilations: unlimited, livePrograms: unlimited };
const options = resolvePoolOptions({ device, workers: 1, standby: 0, threads, arenaBytes, budget });
const pool = direct ? new Pool(options, directTransport) : new Pool(options);
await pool.open();
const trainer = await createTrainer({ ...trainShape, weights, steps: warmup + steps }, { stream: trainTokens(), pool });
const took: number[] = [];
for await (const { step, ms } of trainer.steps()) if (step > warmup) took.push(ms);
const sorted = Float64Array.from(took).sort();
const sample: IsolationSample = { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
await trainer.close();
await pool.close();
console.log(JSON.stringify(sample));
