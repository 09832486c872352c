// Fine-tuning from end to end: a model that exists, a task as rows of JSON Lines, adapters (LoRA), and the result in other formats.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTrainer, evaluate, evaluateChoices, exportModel, generate } from '@mayfly/core';
import { exampleOptions } from '../example-options.js';
import { writeTask } from './animals.js';

/** Beside the repository, on some machines: a story teller of 656,000 parameters. */
const stories = fileURLToPath(new URL('../../../../../shared/data/story-656k', import.meta.url));

const { model, steps, rank, json, ...rest } = exampleOptions(
  'Teaches a model which animal makes which sound, by LoRA, and exports the result. --rank 0 trains all parameters.',
  { model: existsSync(stories) ? stories : '', steps: 200, rank: 8, out: '', json: false },
);
const out = rest.out || join('runs', 'fine-tune', new Date().toISOString().replaceAll(':', '-'));
await mkdir(out, { recursive: true });

const say = (text: string): void => {
  if (!json) process.stdout.write(`${text}\n`);
};

const base = model === '' ? await trainBase() : model;
const task = writeTask(out);
say(`base model ${base}`);

/** Loss on the answers of held-out rows, and how often the model prefers the right one. */
async function measure(path: string) {
  const { crossEntropy } = await evaluate({ model: path, data: task.heldOut, maskPrompt: true, window: 64 });
  const { acc } = await evaluateChoices({ model: path, choices: task.choices });
  return { crossEntropy, acc };
}
const told = ({ crossEntropy, acc }: Awaited<ReturnType<typeof measure>>): string =>
  `${crossEntropy.toFixed(4)} nats per token of an answer, ${(100 * acc).toFixed(0)}% right`;

const before = await measure(base);
say(`before  ${told(before)}`);

const run = join(out, 'run');
{
  await using trainer = await createTrainer({
    ...{ model: base, data: task.training, maskPrompt: true, out: run },
    ...(rank > 0 ? { lora: { rank }, lr: 1e-2 } : { lr: 2e-3 }),
    ...{ steps, warmup: Math.ceil(steps / 10), schedule: 'cosine', batch: 4, seq: 64 },
    ...{ validation: task.heldOut, evaluateEvery: Math.ceil(steps / 4) },
  });
  trainer.on('evaluation', ({ step, crossEntropy }) => say(`  step ${step}  validation ${crossEntropy.toFixed(4)}`));
  await trainer.train();
}
const after = await measure(run);
say(`after   ${told(after)}`);

const folder = join(out, 'hf');
await exportModel({ model: run, format: 'hf', out: folder });
await exportModel({ model: run, format: 'gguf', dtype: 'q8_0', out: join(out, 'model.gguf') });
const readBack = await measure(folder);
say(`export  ${folder}: ${told(readBack)}`);

let answer = '';
const prompt = 'Lily has a cow. The cow says: ';
for await (const { text } of generate({ model: folder, prompt, maxTokens: 8, temperature: 0 })) answer += text;
say(`sample  ${prompt}${answer.replaceAll('\n', ' ')}`);
if (json) process.stdout.write(`${JSON.stringify({ before, after, readBack, answer })}\n`);

/** Where no model is at hand: a byte-level one that has read a few sentences. */
async function trainBase(): Promise<string> {
  const text = join(out, 'text.txt');
  const sentence = (n: number) => `Once upon a time there were ${n} animals. They were happy and said hello.\n`;
  await writeFile(text, Array.from({ length: 400 }, (_, n) => sentence(n)).join(''));
  const folderOfBase = join(out, 'base');
  const options = { model: 'tiny', data: text, steps: 60, batch: 4, seq: 64, lr: 3e-3, out: folderOfBase } as const;
  await using trainer = await createTrainer(options);
  await trainer.train();
  return folderOfBase;
}
