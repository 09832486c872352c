import { join } from 'node:path';
import { exportModel, loadModel, openTokenizer } from '@mayfly/core';
import { InferenceSession, type ModelConfig } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { askLlamaCpp, llamaCppAbsent, type Question } from '../fixtures/llama-cpp.js';
import { randomModel } from '../fixtures/random-model.js';
import { smallTokens } from '../fixtures/small-model.js';
import { stories, storiesAbsent } from '../fixtures/stories260k.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const folder = temporaryFolder();

const llama: ModelConfig = {
  ...{ dim: 96, hidden: 160, layers: 2, heads: 6, kvHeads: 2, headDim: 16, vocab: 260, sequence: 64 },
  ...{ eps: 1e-6, ropeBase: 10_000, ropePairing: 'half', tiedHead: false },
};

/** Small random models of each family. */
const families: Readonly<Record<string, ModelConfig>> = {
  llama,
  'llama, interleaved, tied': { ...llama, ropePairing: 'interleaved', tiedHead: true },
};

/** Natural logarithms of softmax. */
function logSoftmax(logits: Float32Array): number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return Array.from(logits, (logit) => logit - largest - Math.log(sum));
}

const largestDifference = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);

describe.skipIf(llamaCppAbsent)('llama.cpp', () => {
  test('gives the log-probabilities of every family at three positions', async () => {
    const questions: Question[] = [];
    const ours: number[][][] = [];
    for (const [name, config] of Object.entries(families)) {
      const model = await randomModel(folder, name, config);
      const path = join(folder, `${name}.gguf`);
      await exportModel({ model, format: 'gguf', out: path });
      const tokens = Array.from(smallTokens(config.sequence, config.vocab));
      const positions = [1, config.sequence / 2, config.sequence - 1];
      questions.push({ path, tokens, positions });
      await using session = await InferenceSession.open(await loadModel(model), 1, tokens.length, {});
      await session.decoder.forward(tokens);
      const rows: number[][] = [];
      for (const position of positions) rows.push(logSoftmax(await session.decoder.logits(position)));
      ours.push(rows);
    }
    const answers = await askLlamaCpp(questions);
    const differences = Object.keys(families).map((name, index) => [
      name,
      Math.max(...answers[index]!.logProbabilities.map((row, place) => largestDifference(row, ours[index]![place]!))),
    ]);
    console.log(differences.map(([name, difference]) => `${name}: ${difference}`).join('\n'));
    expect(differences.filter(([, difference]) => Number(difference) > 1e-3)).toEqual([]);
  });

  test.skipIf(storiesAbsent)('encodes texts as Mayfly does', async () => {
    const path = join(folder, 'stories.gguf');
    await exportModel({ model: stories.model.path, tokenizer: stories.tokenizer.path, format: 'gguf', out: path });
    const texts = [
      'Once upon a time, there was a little girl named Lily.',
      ' two  spaces',
      'Hé, 漢字!\n\nEnd 1234',
      '',
    ];
    const [answer] = await askLlamaCpp([{ path, texts }]);
    const tokenizer = openTokenizer(stories.tokenizer.path);
    expect(answer!.ids).toEqual(texts.map((text) => tokenizer.encode(text, { bos: false })));
  });
});
