// The same model trained twice: weights in the kernels' input (dynamic), and as constants that are compiled anew (static).
import { createTrainer, type ModelConfig, TokenArray, type TrainSummary } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';
import { median } from '../median.js';

const { steps, layers, dim, seq, batch, json, ...rest } = exampleOptions(
  'Trains one model in both weight strategies.',
  {
    steps: 40,
    layers: 4,
    dim: 128,
    seq: 128,
    batch: 4,
    'retire-after': 100,
    json: false,
  },
);

const config: ModelConfig = {
  ...{ dim, hidden: 3 * dim, layers, heads: dim / 32, kvHeads: dim / 32, headDim: 32, vocab: 256, sequence: seq },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true },
};
/** Text that can be learned: sums, written out. */
const text = Buffer.from(
  Array.from({ length: 20_000 }, (_, n) => `${n % 97} + ${n % 89} = ${(n % 97) + (n % 89)}\n`).join(''),
);

interface Outcome {
  readonly losses: readonly number[];
  readonly msPerStep: number;
  readonly summary: TrainSummary;
}

async function train(weights: 'dynamic' | 'static'): Promise<Outcome> {
  const options = {
    model: { ...config, name: `${layers} layers` },
    data: new TokenArray(text, 'generated sums'),
    batch,
    seq,
    steps,
    weights,
    lr: 5e-4,
    pool: { budget: { compilations: rest['retire-after'] } },
  };
  await using trainer = await createTrainer(options);
  const losses: number[] = [];
  const times: number[] = [];
  for await (const { loss, ms } of trainer.steps()) {
    losses.push(loss);
    times.push(ms);
  }
  return { losses, msPerStep: median(times), summary: trainer.summary() };
}

const outcomes = { dynamic: await train('dynamic'), static: await train('static') };
const difference = Math.max(
  ...outcomes.dynamic.losses.map((loss, index) => Math.abs(loss - outcomes.static.losses[index]!)),
);
const rows = Object.entries(outcomes).map(([weights, { losses, msPerStep, summary }]) => ({
  weights,
  'ms/step': Number(msPerStep.toFixed(2)),
  'first loss': Number(losses[0]!.toFixed(4)),
  'last loss': Number(losses.at(-1)!.toFixed(4)),
  compilations: summary.compilations,
  workers: summary.workersUsed,
  retirements: summary.retirements,
}));
if (json) process.stdout.write(`${JSON.stringify({ strategies: rows, largestLossDifference: difference })}\n`);
else {
  console.table(rows);
  process.stdout.write(`largest difference of losses over ${steps} steps: ${difference.toExponential(1)} nats\n`);
}
