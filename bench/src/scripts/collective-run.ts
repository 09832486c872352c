/** A rank that sums data over the ranks. Takes its task as JSON in argv[2]; rank 0 prints a sample as JSON. */
import { openCollective } from '@mayfly/core';
import { Arena } from '@mayfly/core/testing';
import { quantile } from '../harness/statistics.js';

export interface CollectiveTask {
  readonly bytes: number;
  readonly warmup: number;
  readonly count: number;
}

export interface CollectiveSample extends Record<string, number> {
  /** Milliseconds of a call, from a barrier on. */
  readonly p50: number;
  readonly p99: number;
  /** Bytes that a rank sends for a call. */
  readonly sent: number;
}

const { bytes, warmup, count } = JSON.parse(process.argv[2]!) as CollectiveTask;
await using group = await openCollective();
const data = new Arena(bytes).tensor('fp32', [bytes / 4]);
data.set(0);
const took = new Float64Array(count);
let before = 0;
for (let call = -warmup; call < count; call++) {
  await group.barrier();
  if (call === 0) before = group.sentBytes;
  const began = performance.now();
  await group.allReduce(data);
  if (call >= 0) took[call] = performance.now() - began;
}
took.sort();
const sample: CollectiveSample = {
  p50: quantile(took, 0.5),
  p99: quantile(took, 0.99),
  sent: (group.sentBytes - before) / count,
};
if (group.rank === 0) console.log(JSON.stringify(sample));
