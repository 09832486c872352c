import type { Session } from '../contenders/contender.js';
import { quantile } from './statistics.js';

export type WorkloadName = 'ping' | 'bulk' | 'pipeline' | 'idle';

/** What one process measured of one contender. Microseconds, but for `perSecond`. */
export interface Sample extends Record<string, number> {
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the main process for one operation; with a thread pool it includes the worker. */
  readonly cpu: number;
  readonly perSecond: number;
  /** Median of what the work took where it was done. */
  readonly work: number;
  /** Median of what a call took beyond its own work. */
  readonly rest: number;
  /** What the work costs in this process, without a pool. */
  readonly workHere: number;
}

const IN_FLIGHT = 16;
const IDLE_MS = 20;

/** Operations of a workload before and in a measurement. */
export interface Counts {
  readonly warmup: number;
  readonly count: number;
}

export async function runWorkload(name: WorkloadName, session: Session, { warmup, count }: Counts): Promise<Sample> {
  const lastWork = () => session.lastWorkMicroseconds?.() ?? 0;
  if (name === 'pipeline') return pipeline(() => session.ping(), warmup, count);
  if (name === 'bulk') {
    if (session.bulk === undefined) throw new Error('carries no bulk data');
    const sample = await oneByOne(() => session.bulk!(), lastWork, warmup, count, 0);
    return { ...sample, workHere: session.bulkWorkMicroseconds?.() ?? 0 };
  }
  return oneByOne(() => session.ping(), lastWork, warmup, count, name === 'idle' ? IDLE_MS : 0);
}

async function oneByOne(
  call: () => Promise<unknown>,
  lastWork: () => number,
  warmup: number,
  count: number,
  pauseMs: number,
): Promise<Sample> {
  for (let i = 0; i < warmup; i++) await call();
  const [took, work, rest] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let i = 0; i < count; i++) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const begin = performance.now();
    await call();
    took[i] = (performance.now() - begin) * 1000;
    work[i] = lastWork();
    rest[i] = took[i]! - work[i]!;
  }
  const sample = summarize(took, cpu, started);
  return { ...sample, work: quantile(work.sort(), 0.5), rest: quantile(rest.sort(), 0.5) };
}

/** `count` operations with 16 outstanding at any time; latencies are those of each among the 16. */
async function pipeline(call: () => Promise<unknown>, warmup: number, count: number): Promise<Sample> {
  const took = new Float64Array(count);
  let left = warmup;
  let done = 0;
  const lane = async () => {
    while (left-- > 0) {
      const begin = performance.now();
      await call();
      took[done++ % count] = (performance.now() - begin) * 1000;
    }
  };
  const lanes = () => Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  await lanes();
  left = count;
  done = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  await lanes();
  return summarize(took, cpu, started);
}

function summarize(took: Float64Array, cpu: NodeJS.CpuUsage, started: number): Sample {
  const count = took.length;
  const perSecond = (1000 * count) / (performance.now() - started);
  const { user, system } = process.cpuUsage(cpu);
  took.sort();
  const [p50, p99] = [quantile(took, 0.5), quantile(took, 0.99)];
  return { p50, p99, cpu: (user + system) / count, perSecond, work: 0, rest: p50, workHere: 0 };
}
