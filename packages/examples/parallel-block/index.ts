// A layer of one's own: attention and MLP read the same normalized input and are added together, as in GPT-J and PaLM.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createTrainer, type ModelConfig, TokenArray } from '@mayfly/core';
import {
  attentionMix,
  attentionProbabilities,
  checkLayer,
  defineLayer,
  defineOperation,
  project,
  rotate,
  sum,
} from '@mayfly/core/layers';
import { exampleOptions } from '../example-options.js';

const { steps, dim, layers, heads, seq, weights, json } = exampleOptions(
  'Trains a model whose layers are written here.',
  {
    steps: 60,
    dim: 128,
    layers: 3,
    heads: 4,
    seq: 128,
    weights: 'dynamic',
    json: false,
  },
);
const say = (line: string) => (json ? undefined : process.stdout.write(`${line}\n`));

/** √(2/π) and the cubic term of GELU's tanh form (Hendrycks & Gimpel 2016). */
const [SLOPE, CUBIC] = [Math.sqrt(2 / Math.PI), 0.044715];

/** a = h/2 · (1 + tanh(√(2/π)·(h + 0.044715·h³))), and its derivative. */
const gelu = defineOperation({
  inputs: ['h'],
  outputs: ['a'],
  saved: ['h'],
  forward({ builder: b }, { h }) {
    const inner = b.mul(b.mul(h, b.add(b.mul(b.mul(h, h), CUBIC), 1)), SLOPE);
    return { a: b.mul(b.mul(h, 0.5), b.add(b.tanh(inner), 1)) };
  },
  backward({ builder: b }, { a: gradient }, { h }) {
    const square = b.mul(h, h);
    const tanh = b.tanh(b.mul(b.mul(h, b.add(b.mul(square, CUBIC), 1)), SLOPE));
    const innerSlope = b.mul(b.add(b.mul(square, 3 * CUBIC), 1), SLOPE);
    const rest = b.mul(b.mul(h, b.sub(1, b.mul(tanh, tanh))), innerSlope);
    return { h: b.mul(gradient, b.mul(b.add(b.add(tanh, 1), rest), 0.5)) };
  },
});

const parallelBlock = defineLayer({
  name: 'parallel-block',
  parameters: (sizes) => ({
    norm: { shape: [sizes.dim] },
    wq: { shape: [sizes.heads * sizes.headDim, sizes.dim] },
    wk: { shape: [sizes.kvHeads * sizes.headDim, sizes.dim] },
    wv: { shape: [sizes.kvHeads * sizes.headDim, sizes.dim] },
    wo: { shape: [sizes.dim, sizes.heads * sizes.headDim], residual: true },
    w1: { shape: [sizes.hidden, sizes.dim] },
    w2: { shape: [sizes.dim, sizes.hidden], residual: true },
  }),
  blocks: [
    {
      name: 'parallel',
      norm: 'norm',
      operations: [
        project('q', 'wq', 'xn'),
        rotate('qRotated', 'q'),
        project('k', 'wk', 'xn'),
        rotate('kRotated', 'k'),
        project('v', 'wv', 'xn'),
        attentionProbabilities('probabilities', { q: 'qRotated', k: 'kRotated' }),
        attentionMix('attn', { probabilities: 'probabilities', v: 'v' }),
        project('attended', 'wo', 'attn'),
        project('h', 'w1', 'xn'),
        gelu,
        project('fed', 'w2', 'a'),
        sum('y', 'attended', 'fed'),
      ],
    },
  ],
});

const check = await checkLayer(parallelBlock);
say(
  `gradients against finite differences: largest error ${check.error.toExponential(1)} of a tensor's largest element`,
);

const config: ModelConfig = {
  ...{ dim, hidden: 4 * dim, layers, heads, kvHeads: heads, headDim: dim / heads, vocab: 256, sequence: seq },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: true },
};
const text = readFileSync(fileURLToPath(import.meta.resolve('typescript/lib/lib.es5.d.ts')));
await using trainer = await createTrainer({
  model: { ...config, name: 'parallel blocks' },
  data: new TokenArray(text, "TypeScript's lib.es5.d.ts"),
  layers: parallelBlock,
  weights: weights as 'dynamic' | 'static',
  ...{ batch: 4, seq, steps, lr: 3e-3, warmup: Math.ceil(steps / 10) },
});
say(`${trainer.parameters.toLocaleString('en')} parameters, ${layers} layers, ${weights} weights`);

// What the middle layer's MLP puts out, and how it should change.
const middle = Math.floor(layers / 2);
const [activation, gradient] = [trainer.tap(middle, 'a'), trainer.tap(middle, 'dh')];
const magnitude = (values: Float32Array | null) =>
  Math.sqrt(values!.reduce((total, value) => total + value * value, 0) / values!.length);

const losses: number[] = [];
for await (const { step, loss } of trainer.steps()) {
  losses.push(loss);
  if (step !== 1 && step % 20 !== 0 && step !== steps) continue;
  const [a, dh] = [magnitude(activation.values()), magnitude(gradient.values())];
  say(
    `step ${step}  loss ${loss.toFixed(4)}  layer ${middle}: gelu ${a.toFixed(3)}, gradient ${dh.toExponential(1)} rms`,
  );
}
const result = {
  checkError: check.error,
  firstLoss: losses[0],
  lastLoss: losses.at(-1),
  parameters: trainer.parameters,
};
if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = losses.at(-1)! < losses[0]! ? 0 : 1;
