import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, type TrainOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteLevelTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();
const data = join(folder, 'questions.jsonl');
const rows = Array.from({ length: 40 }, (_, index) => ({ prompt: `${index} + 1 = `, completion: `${index + 1}` }));
writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const beside = { 'tokenizer_config.json': { eos_token: '<|endoftext|>' } };
const tokenizer = writeTokenizer(join(folder, 'tokenizer'), byteLevelTokenizer(), beside);

const shape = { dim: 16, hidden: 24, layers: 1, heads: 2, kvHeads: 2, headDim: 8, sequence: 16, vocab: 320 };
const model = { ...shape, eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true } as const;
const options: TrainOptions = {
  ...{ model, data, tokenizer, maskPrompt: true, epochs: 3, batch: 4, seq: 16, seed: 5 },
  pool: { device: 'cpu' },
};

test('a run of epochs has the steps that they take, stops at any step and goes on with the same bits', async () => {
  const whole: number[] = [];
  await using trainer = await createTrainer(options);
  expect(trainer.options.order).toBe('shuffled');
  for await (const { loss } of trainer.steps()) whole.push(loss);
  expect(whole.length).toBe(trainer.options.steps);
  expect(whole.length).toBeGreaterThan((3 * 40 * 8) / 64);

  const out = join(folder, 'run');
  const parts: number[] = [];
  for (const stop of [5, 9, Number.POSITIVE_INFINITY]) {
    const begun = parts.length === 0 ? { ...options, out } : { resume: out, model };
    await using part = await createTrainer({ ...begun, pool: { device: 'cpu' } });
    const abort = new AbortController();
    for await (const { step, loss } of part.steps({ signal: abort.signal })) {
      parts.push(loss);
      if (step === stop) abort.abort();
    }
    if (stop === Number.POSITIVE_INFINITY) expect(part.parametersDigest()).toBe(trainer.parametersDigest());
  }
  expect(parts).toEqual(whole);
});

test('epochs and steps exclude each other, and so do epochs and windows with replacement', async () => {
  await expect(createTrainer({ ...options, steps: 3 })).rejects.toThrow(/Expected steps to be none with epochs, got 3/);
  await expect(createTrainer({ ...options, order: 'random' })).rejects.toThrow(
    /Expected epochs to be windows in the order/,
  );
});
