/** A rank that trains, with the others or alone beside them. Takes its task as JSON in argv[2]; rank 0 prints a sample as JSON. */
import { createTrainer, openCollective, TokenArray } from '@mayfly/core';
import { median } from '../harness/statistics.js';
import type { StepModel } from '../harness/step-models.js';

export interface RanksTask {
  readonly model: StepModel;
  readonly accumulate: number;
  /** Whether the ranks train one model together; otherwise each trains its own, at the same time. */
  readonly together: boolean;
  readonly warmup: number;
  readonly steps: number;
}

export interface RanksSample extends Record<string, number> {
  /** Milliseconds of a step. */
  readonly p50: number;
  readonly tokensPerSecond: number;
  /** Of parameters and losses: 48 bits of their hashes. */
  readonly parameters: number;
  readonly losses: number;
  /** Bytes that this rank sent, a step. */
  readonly sent: number;
  /** Milliseconds of a step in which something was exchanged, and the share of it beside other work. */
  readonly exchange: number;
  readonly hidden: number;
}

const { model, accumulate, together, warmup, steps } = JSON.parse(process.argv[2]!) as RanksTask;
const { name, config, sequence, batch } = model;
await using group = await openCollective();
const ids = Uint16Array.from({ length: 65_536 }, (_, index) => (Math.imul(index, 2_654_435_761) >>> 16) % config.vocab);
await using trainer = await createTrainer({
  ...{ model: { ...config, name }, data: new TokenArray(ids, 'generated') },
  ...{ batch, seq: sequence, accumulate, steps: warmup + steps, lr: 1e-4 },
  ...(together && { collective: group }),
});
const took: number[] = [];
await group.barrier();
for await (const { step, ms } of trainer.steps()) if (step > warmup) took.push(ms);
const { paramsSha256, lossesSha256, exchange } = trainer.summary();
// A rank that ended earlier would leave its core to the ranks that still measure.
await group.barrier();
const p50 = median(took);
const tokens = batch * sequence * accumulate * (together ? group.size : 1);
const sample: RanksSample = {
  ...{ p50, tokensPerSecond: (1000 * tokens) / p50 },
  ...{ parameters: bits(paramsSha256), losses: bits(lossesSha256) },
  sent: exchange?.sentBytesPerStep ?? 0,
  exchange: exchange?.msPerStep ?? 0,
  hidden: exchange?.hiddenShare ?? 0,
};
if (group.rank === 0) console.log(JSON.stringify(sample));

function bits(hash: string): number {
  return Number.parseInt(hash.slice(0, 12), 16);
}
