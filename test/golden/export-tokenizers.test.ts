import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportModel, openTokenizer } from '@mayfly/core';
import type { ModelConfig } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { askLlamaCpp, llamaCppAbsent, type Question } from '../fixtures/llama-cpp.js';
import { randomModel } from '../fixtures/random-model.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const config: ModelConfig = {
  ...{ dim: 32, hidden: 32, layers: 1, heads: 2, kvHeads: 1, headDim: 16, vocab: 272, sequence: 32 },
  ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: true },
};

/** GPT-2's characters for bytes: printable ones for themselves, the others from U+0100 on. */
const characters = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint((byte > 32 && byte < 127) || (byte > 160 && byte !== 173) ? byte : next++),
  );
})();
const merges = ['t h', 'th e', 'Ġ the', '1 2', '12 3', 'e r', 'o n', 'Ġ a', 'Ċ Ċ', "' s"];
const isolated = (digits: string) => ({
  type: 'Split',
  pattern: {
    Regex: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  },
  behavior: 'Isolated',
  invert: false,
});
const byteLevel = (byRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: byRegex,
});
const sequence = (...pretokenizers: readonly object[]) => ({ type: 'Sequence', pretokenizers });

/** As in the files of these models. */
const preTokenizers: Readonly<Record<string, object>> = {
  'gpt-2': byteLevel(true),
  'llama-bpe': sequence(isolated(String.raw`\p{N}{1,3}`), byteLevel(false)),
  qwen2: sequence(isolated(String.raw`\p{N}`), byteLevel(false)),
  smollm: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
};

const texts = ["the other's 12345 on\n\nA there  the", 'héllo 漢字 – ok', '<|end|>the<|end|>', ' the\tthe'];

function tokenizerFolder(name: string, preTokenizer: object): string {
  const path = join(folder, name);
  mkdirSync(path);
  const vocab = [...characters, ...merges.map((merge) => merge.replace(' ', ''))];
  const tokenizer = {
    ...{ version: '1.0', truncation: null, padding: null, normalizer: null, pre_tokenizer: preTokenizer },
    added_tokens: [
      ...[
        {
          id: vocab.length,
          content: '<|end|>',
          special: true,
          normalized: false,
          lstrip: false,
          rstrip: false,
          single_word: false,
        },
      ],
    ],
    ...{ post_processor: null, decoder: byteLevel(true) },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, fuse_unk: false, byte_fallback: false, ignore_merges: false },
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges,
    },
  };
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(
    join(path, 'tokenizer_config.json'),
    JSON.stringify({ eos_token: '<|end|>', chat_template: '{{ messages }}' }),
  );
  return path;
}

describe.skipIf(llamaCppAbsent)('llama.cpp', () => {
  test('encodes texts as Mayfly does, by each way of cutting them, and by bytes', async () => {
    const model = await randomModel(folder, 'model', config);
    const questions: Question[] = [];
    const ours: number[][][] = [];
    const tokenizers = [
      'bytes',
      ...Object.entries(preTokenizers).map(([name, preTokenizer]) => tokenizerFolder(name, preTokenizer)),
    ];
    for (const [index, tokenizer] of tokenizers.entries()) {
      const path = join(folder, `${index}.gguf`);
      const { warnings } = await exportModel({ model, tokenizer, format: 'gguf', out: path });
      expect(warnings).toEqual([]);
      const opened = openTokenizer(tokenizer);
      questions.push({ path, texts });
      ours.push(texts.map((text) => opened.encode(text)));
    }
    const answers = await askLlamaCpp(questions);
    expect(answers.map(({ ids }) => ids)).toEqual(ours);
  });
});

test('a tokenizer that llama.cpp cannot have is refused', async () => {
  const model = await randomModel(folder, 'refused', config);
  const path = tokenizerFolder('whitespace', sequence({ type: 'Whitespace' }, byteLevel(false)));
  const exporting = exportModel({ model, tokenizer: path, format: 'gguf', out: join(folder, 'refused.gguf') });
  const message = expect.stringMatching(
    /Expected one that cuts a text as gpt-2, llama-bpe, qwen2, smollm do for GGUF, got/,
  );
  await expect(exporting).rejects.toMatchObject({ code: 'ERR_TOKENIZER', message });
});
