// What `npm start` runs: a byte-level transformer learns to write TypeScript declarations, in workers that retire.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createTrainer, generate, openData, openTokenizer } from '@mayfly/core';
import { openReporter, printable } from '@mayfly/core/observe';
import { exampleOptions } from '../example-options.js';
import { model, training } from './recipe.js';
import { writeDeclarations } from './typescript-declarations.js';

const { steps, seconds, json, ...rest } = exampleOptions(
  'Trains a small byte-level model on the TypeScript declaration files of this install.',
  { steps: training.steps, seconds: 115, 'retire-evaluations': training.evaluations, out: '', json: false },
);
/** A folder of its own for each run. */
const out = rest.out || join('runs', 'main-job', new Date().toISOString().replaceAll(':', '-'));
makeFolder(out);
const files = writeDeclarations(out);
/** Windows of the held-out text that are evaluated during training; at the end it is four times as many. */
const FEW_WINDOWS = 64;
const LOOKS = 6;

using reporter = openReporter(process.stdout, { json });
await using trainer = await createTrainer({
  ...training.options,
  warmup: Math.min(training.warmup, Math.floor(steps / 10)),
  ...{ model, data: files.training, tokenizer: 'bytes', steps, out },
  ...{ validation: files.heldOut, evaluateEvery: Math.ceil(steps / LOOKS), evaluateWindows: FEW_WINDOWS },
  pool: { workers: 1, standby: 1, budget: { evaluations: rest['retire-evaluations'] } },
});
reporter.start(trainer);

async function sample(when: string): Promise<void> {
  // From the checkpoint, as `mayfly generate` does it: one window a time instead of a whole batch.
  const checkpoint = trainer.summary().checkpoint ?? (await trainer.save())!;
  let text = 'interface ';
  const options = { model: checkpoint, prompt: text, maxTokens: 200, temperature: 0.7, seed: 1 };
  for await (const token of generate(options)) text += token.text;
  reporter.record('sample', { when, text }, `\nsample ${when}:\n${printable(text).replaceAll(/^/gm, '  | ')}\n`);
}

/** The loss over more of the held-out text than during training. */
async function measure(): Promise<void> {
  using heldOut = await openData(files.heldOut, { tokenizer: openTokenizer('bytes') });
  const { crossEntropy, targets } = await trainer.evaluate(heldOut, [0, 4 * FEW_WINDOWS]);
  const told = `held-out loss ${crossEntropy.toFixed(4)} nats per byte after step ${trainer.step} (${targets} targets)`;
  reporter.record('heldOut', { step: trainer.step, crossEntropy, targets }, told);
}

await sample('before training');
const stop = new AbortController();
process.once('SIGINT', () => {
  process.exitCode = 130;
  stop.abort();
});
const start = performance.now();
for await (const _ of trainer.steps({ signal: stop.signal })) {
  if (performance.now() - start > 1000 * seconds) break;
}
await measure();
await sample('after training');
reporter.done(trainer.summary());

/** Node 20's recursive mkdir never returns where a file system, such as /proc, makes no folders. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}
