/**
 * How long starting a process keeps the main thread, with so much private memory: a pool's workers, and Node's own
 * child_process. Takes its task as JSON in argv[2], prints samples as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createPool } from '@mayfly/core';
import { addon } from '@mayfly/native';
import { type Placement, placements, startWorkersApart } from '../harness/placement.js';
import { scaleProgram } from '../harness/programs.js';
import { quantile } from '../harness/statistics.js';

export interface SpawnTask {
  readonly residentMiB: number;
  readonly count: number;
}

export interface SpawnSample extends Record<string, number> {
  readonly p50: number;
  readonly p99: number;
}

/** Of the start of a pool's worker, and of a child of Node's own. */
export type SpawnSamples = Record<Placement, { readonly ours: SpawnSample; readonly theirs: SpawnSample }>;

const { residentMiB, count } = JSON.parse(process.argv[2]!) as SpawnTask;
const held: Buffer[] = [];
const missing = () => residentMiB * 2 ** 20 - process.memoryUsage.rss();
while (missing() > 0) held.push(Buffer.alloc(Math.min(missing(), 2 ** 30), 1));

let stalls: number[] = [];
const { spawn: start } = addon;
addon.spawn = (options) => {
  const begin = performance.now();
  const spawned = start(options);
  stalls.push((performance.now() - begin) * 1000);
  return spawned;
};

const samples: Partial<SpawnSamples> = {};
for (const placement of placements) {
  if (placement === 'pinned') startWorkersApart();
  samples[placement] = { ours: await startWorkers(), theirs: await startChildren() };
}
console.log(JSON.stringify({ ...samples, heldMiB: held.length }));

/** Each recycling moves the kernel to the standby and starts the next one, as a retirement in the middle of work does. */
async function startWorkers(): Promise<SpawnSample> {
  stalls = [];
  const pool = await createPool({ device: 'cpu', workers: 1, standby: 1, threads: 1 });
  await pool.compile({ text: scaleProgram(64) });
  while (stalls.length < count) {
    const moved = new Promise((resolve) => pool.once('kernelMove', resolve));
    const ready = new Promise((resolve) => pool.once('workerReady', resolve));
    void pool.recycle();
    await Promise.all([moved, ready]);
  }
  await pool.close();
  return sampleOf(stalls);
}

async function startChildren(): Promise<SpawnSample> {
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
    took.push((performance.now() - begin) * 1000);
    await once(child, 'exit');
  }
  return sampleOf(took);
}

function sampleOf(values: readonly number[]): SpawnSample {
  const sorted = Float64Array.from(values).sort();
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}
