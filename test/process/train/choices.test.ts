import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluateChoices, loadModel } from '@mayfly/core';
import { InferenceSession, type ModelConfig } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { mayfly } from '../../fixtures/command.js';
import { randomModel } from '../../fixtures/random-model.js';
import { stories, storiesAbsent } from '../../fixtures/stories260k.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const bytes: ModelConfig = {
  ...{ dim: 32, hidden: 48, layers: 1, heads: 2, kvHeads: 1, headDim: 16, vocab: 256, sequence: 32 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: false },
};

/** Answers of different lengths, and a context that does not fit the model. */
const items = [
  { question: 'one', choices: ['a', 'bbbbbbbb', 'cc'], answer: 0 },
  { context: 'two ', choices: ['x', 'yyyyyyyy', 'zz'], answer: 'yyyyyyyy' },
  { context: 'a context of more bytes than the model sees', choices: ['long', 'longer'], answer: 1 },
];

const write = (name: string, rows: readonly unknown[]): string => {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('\n'));
  return path;
};

test('acc and acc_norm are what log-softmax of the logits gives, for any batch', async () => {
  const model = await randomModel(folder, 'bytes', bytes);
  await using session = await InferenceSession.open(await loadModel(model), 1, 32, {});
  const logProbability = async (tokens: readonly number[], target: number) => {
    await session.decoder.forward(tokens);
    const logits = await session.decoder.logits(tokens.length - 1);
    const largest = logits.reduce((a, b) => Math.max(a, b));
    return logits[target]! - largest - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  };
  let [right, rightNorm] = [0, 0];
  for (const { question, context = question!, choices, answer } of items) {
    const before = Buffer.from(context.trimEnd()).length;
    const scores: number[] = [];
    for (const choice of choices) {
      const tokens = [...Buffer.from(`${context.trimEnd()} ${choice}`)];
      // The model sees the last 32 tokens before the last one, for all of the answer.
      const first = Math.max(0, tokens.length - 1 - 32);
      let score = 0;
      for (let end = before; end < tokens.length; end++) {
        score += await logProbability(tokens.slice(first, end), tokens[end]!);
      }
      scores.push(score);
    }
    const gold = typeof answer === 'string' ? choices.indexOf(answer) : answer;
    const norm = scores.map((score, index) => score / choices[index]!.length);
    if (scores.indexOf(Math.max(...scores)) === gold) right += 1;
    if (norm.indexOf(Math.max(...norm)) === gold) rightNorm += 1;
  }
  expect([right, rightNorm]).toEqual([1, 2]);
  const choices = write('items.jsonl', items);
  for (const batch of [1, 3, 8]) {
    expect(await evaluateChoices({ model, choices, batch, tokenizer: 'bytes' })).toEqual({
      ...{ acc: right / 3, accNorm: rightNorm / 3, items: 3 },
    });
  }
});

test.skipIf(storiesAbsent)('a trained model prefers what belongs to a story', async () => {
  const choices = write('stories.jsonl', [
    {
      question: 'Once upon a time, there was a little',
      choices: ['girl named Lily.', 'of the in and', 'xyz'],
      answer: 0,
    },
    { question: 'Tom had a red ball. He liked to play with his', choices: ['sun.', 'ball.', 'eat.'], answer: 'ball.' },
  ]);
  const args = ['--model', stories.model.path, '--tokenizer', stories.tokenizer.path, '--choices', choices];
  const ended = await mayfly(['eval', ...args, '--json']);
  expect(ended).toMatchObject({ code: 0, stderr: '', lines: ['{"acc":1,"acc_norm":1,"items":2}'] });
  expect((await mayfly(['eval', ...args])).lines).toEqual(['acc 1.0000, acc_norm 1.0000 over 2 items']);
});

test('a file may begin with a byte order mark, and have line breaks of Windows', async () => {
  const model = await randomModel(folder, 'marked', bytes);
  const choices = join(folder, 'windows.jsonl');
  writeFileSync(choices, `\ufeff${JSON.stringify(items[0])}\r\n${JSON.stringify(items[1])}\r\n`);
  const plain = write('plain.jsonl', items.slice(0, 2));
  const evaluated = await evaluateChoices({ model, choices, tokenizer: 'bytes' });
  expect(evaluated).toEqual(await evaluateChoices({ model, choices: plain, tokenizer: 'bytes' }));
});

test('a wrong item is an error that names its line', async () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['{', /line 3: Expected JSON, got/],
    [{ choices: ['a', 'b'], answer: 0 }, /line 3: Expected a text as `context` or `question`, got none$/],
    [
      { question: 'q', choices: ['a'], answer: 0 },
      /line 3: Expected two or more different texts as `choices`, got \["a"\]$/,
    ],
    [
      { question: 'q', choices: ['a', 'b'], answer: 2 },
      /line 3: Expected an index from 0 to 1, or a choice, as `answer`, got 2$/,
    ],
    [{ question: 'q', choices: ['a', 'b'], answer: 'c' }, /got "c"$/],
  ];
  const model = await randomModel(folder, 'any', bytes);
  for (const [row, message] of wrong) {
    const choices = write('wrong.jsonl', [items[0], row]);
    const evaluating = evaluateChoices({ model, choices, tokenizer: 'bytes' });
    await expect(evaluating).rejects.toMatchObject({
      code: 'ERR_DATA_FORMAT',
      message: expect.stringMatching(message),
    });
  }
  const both = await mayfly(['eval', '--model', model, '--choices', 'x', '--data', 'y']);
  expect(both).toMatchObject({ code: 2, stderr: 'mayfly: Expected a known option of evaluateChoices, got `data`\n' });
});
