// What `npm start` runs: a byte-level transformer learns to write TypeScript declarations, in workers that retire.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, openData, openReporter, openTokenizer, printable } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';
import { model, training } from './recipe.js';
import { writeDeclarations } from './typescript-declarations.js';

const { steps, seconds, out, resume, json, ...rest } = exampleOptions(
  'Trains a small byte-level model on the TypeScript declaration files of this install.',
  {
    steps: training.steps,
    seconds: 115,
    out: join('runs', 'main-job'),
    'retire-evaluations': training.evaluations,
    resume: false,
    json: false,
  },
);

mkdirSync(out, { recursive: true });
const files = writeDeclarations(out);
const heldOut = openData(files.heldOut, { tokenizer: openTokenizer('bytes') });
/** Windows of the held-out text that are looked at during training; the last look takes eight times as many. */
const FEW_WINDOWS = 32;
const LOOKS = 6;

using reporter = openReporter(process.stdout, { json });
await using trainer = await createTrainer(
  {
    ...training.options,
    ...{ model: 'main-job', data: files.training, tokenizer: 'bytes', steps, out },
    budget: { evaluations: rest['retire-evaluations'] },
    resume: resume ? out : undefined,
  },
  { config: model },
);
reporter.start(trainer);

async function sample(when: string): Promise<void> {
  const { tokenizer } = trainer;
  const prompt = 'interface ';
  const ids: number[] = [];
  const options = { maxTokens: 160, temperature: 0.7, seed: 1 };
  for await (const id of trainer.generate(tokenizer!.encode(prompt), options)) ids.push(id);
  const text = prompt + tokenizer!.decode(ids);
  reporter.note('sample', { when, text }, `\nsample ${when}:\n${printable(text).replaceAll(/^/gm, '  | ')}\n`);
}

async function measure(windows: number): Promise<void> {
  const { crossEntropy, targets } = await trainer.evaluate(heldOut, [0, windows]);
  const told = `held-out loss ${crossEntropy.toFixed(4)} nats per byte after step ${trainer.step} (${targets} targets)`;
  reporter.note('held-out', { step: trainer.step, crossEntropy, targets }, told);
}

await sample('before training');
await measure(FEW_WINDOWS);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const start = performance.now();
for await (const { step } of trainer.steps({ signal: stop.signal })) {
  if (step % Math.ceil(steps / LOOKS) === 0 && step < steps) await measure(FEW_WINDOWS);
  if (performance.now() - start > 1000 * seconds) break;
}
await measure(8 * FEW_WINDOWS);
await sample('after training');
reporter.done(trainer.summary());
