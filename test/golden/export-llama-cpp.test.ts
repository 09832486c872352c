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

const original = { factor: 4, originalSequence: 16 } as const;
const llama3 = { type: 'llama3', ...original, lowFrequencyFactor: 1, highFrequencyFactor: 4 } as const;
const yarn = { type: 'yarn', ...original, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 1.2 } as const;
/** With this base the ramp has a pair in its middle. */
const stretched = { ropeScaling: yarn, ropeBase: 100 } as const;
const qwen3 = { ...llama, headDim: 32, qkNorm: true, tiedHead: true } as const;
const biases = { attentionBias: true, outputBias: true, mlpBias: true } as const;

/** Small random models of each family; the context of those with scaled RoPE is four times the original one. */
const families: Readonly<Record<string, ModelConfig>> = {
  llama,
  'llama, interleaved, tied': { ...llama, ropePairing: 'interleaved', tiedHead: true },
  'llama, all biases': { ...llama, ...biases },
  'llama, linear RoPE': { ...llama, ropeScaling: { type: 'linear', ...original } },
  'llama, dynamic RoPE': { ...llama, ropeScaling: { type: 'dynamic', ...original } },
  'llama 3.1': { ...llama, ropeScaling: llama3 },
  'llama 3.1, interleaved': { ...llama, ropeScaling: llama3, ropePairing: 'interleaved' },
  'llama, YaRN': { ...llama, ...stretched },
  'llama, YaRN, another ramp': { ...llama, ropeScaling: { ...yarn, betaFast: 2, betaSlow: 0.1, truncate: false } },
  mistral: { ...llama, slidingWindow: 24 },
  qwen2: { ...llama, attentionBias: true },
  'qwen2, interleaved': { ...llama, attentionBias: true, ropePairing: 'interleaved' },
  'qwen2, YaRN': { ...llama, attentionBias: true, ...stretched },
  qwen3,
  'qwen3, interleaved': { ...qwen3, ropePairing: 'interleaved' },
  'qwen3, YaRN': { ...qwen3, ...stretched },
};

/** Tokens up to which llama.cpp has the model's results: it has no sliding window in these architectures, and no dynamic RoPE. */
const comparable = ({ sequence, slidingWindow = sequence, ropeScaling }: ModelConfig): number =>
  Math.min(slidingWindow, ropeScaling?.type === 'dynamic' ? ropeScaling.originalSequence : sequence);

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
      const length = comparable(config);
      const tokens = Array.from(smallTokens(length, config.vocab));
      const positions = [1, length / 2, length - 1];
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
