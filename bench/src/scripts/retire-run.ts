/**
 * Kernels of 200 us one after another, with or without a worker's retirement every 2,000. Takes its task as JSON in
 * argv[2], prints a sample as JSON.
 */
import { createPool, type Pool } from '@mayfly/core';
import { addon } from '@mayfly/native';
import { type Placement, startWorkersApart } from '../harness/placement.js';
import { chainProgram } from '../harness/programs.js';
import { quantile } from '../harness/statistics.js';

export interface RetireTask {
  /** Evaluations after which a worker retires; null: never. */
  readonly every: number | null;
  readonly count: number;
  /** Products that make up 200 us, as found before; null: find out. */
  readonly products: number | null;
  readonly placement: Placement;
}

export interface RetireSample extends Record<string, number> {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly perSecond: number;
  readonly retirements: number;
  readonly products: number;
}

const N = 64;
const KERNEL_MICROSECONDS = 200;

const { every, count, products: known, placement } = JSON.parse(process.argv[2]!) as RetireTask;
const budget = { evaluations: every ?? Number.POSITIVE_INFINITY };
if (placement === 'pinned') startWorkersApart();
const pool = await createPool({ device: 'cpu', workers: 1, standby: 1, threads: 1, budget });
const products = known ?? calibrate(pool);
const kernel = await pool.compile({ text: chainProgram(N, products) });
const [x, y] = [pool.arena.tensor('fp32', [N, N]), pool.arena.tensor('fp32', [N, N])];
identity(x.array());
for (let i = 0; i < 200; i++) await kernel.run(x, y);

const took = new Float64Array(count);
const started = performance.now();
for (let i = 0; i < count; i++) {
  const begin = performance.now();
  await kernel.run(x, y);
  took[i] = (performance.now() - begin) * 1000;
}
const perSecond = (1000 * count) / (performance.now() - started);
took.sort();
const sample: RetireSample = {
  p50: quantile(took, 0.5),
  p99: quantile(took, 0.99),
  worst: took[count - 1]!,
  perSecond,
  retirements: pool.stats().retirements,
  products,
};
await pool.close();
console.log(JSON.stringify(sample));

/** How many products take 200 us, by the quicker half of the evaluations of many. */
function calibrate({ arena }: Pool): number {
  const device = addon.openDevice('cpu', arena.native, { threads: 1 });
  const tried = 64;
  const { program } = device.compile(chainProgram(N, tried), []);
  const [from, to] = [arena.tensor('fp32', [N, N]), arena.tensor('fp32', [N, N])];
  identity(from.array());
  const each = Float64Array.from({ length: 400 }, () => {
    const begin = performance.now();
    device.evaluate(program, [from.offset, to.offset]);
    return ((performance.now() - begin) * 1000) / tried;
  }).sort();
  device.close();
  return Math.max(1, Math.round(KERNEL_MICROSECONDS / quantile(each, 0.25)));
}

/** Its powers stay finite. */
function identity(matrix: { [index: number]: number; fill(value: number): unknown }): void {
  matrix.fill(0);
  for (let i = 0; i < N; i++) matrix[i * N + i] = 1;
}
