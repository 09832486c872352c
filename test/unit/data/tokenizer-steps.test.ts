import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTokenizer } from '@mayfly/core';
import { readHuggingFaceConfig } from '@mayfly/core/model';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteFallbackTokenizer, byteLevelTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

// Expected pieces are those of Hugging Face's Rust library, tokenizers 0.21.

const folder = temporaryFolder();
let folders = 0;
const open = (json: object) => openTokenizer(writeTokenizer(join(folder, `steps-${++folders}`), json));

const plain = { version: '1.0', added_tokens: [], normalizer: null, post_processor: null, decoder: null };
const tableOf = (pieces: readonly string[]) => Object.fromEntries(pieces.map((piece, id) => [piece, id]));

describe('steps cut a text as the Rust library does', () => {
  const text = "né--x 1२ ½ ²..a'b";
  const rest = "x 1२ ½ ²..a'b";
  const hyphen = { type: 'Split', pattern: { String: '-' }, invert: false };
  const groups = { type: 'Split', pattern: { Regex: '(-)-' } };
  test.each([
    [{ type: 'Whitespace' }, ['né', '--', 'x', '1२', '½', '²..', 'a', "'", 'b']],
    [{ type: 'Digits', individual_digits: false }, ['né--x ', '1२', ' ', '½', ' ', '²', "..a'b"]],
    [{ type: 'Digits', individual_digits: true }, ['né--x ', '1', '२', ' ', '½', ' ', '²', "..a'b"]],
    [{ type: 'Punctuation' }, ['né', '-', '-', 'x 1२ ½ ²', '.', '.', 'a', "'", 'b']],
    [{ type: 'Punctuation', behavior: 'Contiguous' }, ['né', '--', 'x 1२ ½ ²', '..', 'a', "'", 'b']],
    [{ ...hyphen, behavior: 'Removed' }, ['né', rest]],
    [{ ...hyphen, behavior: 'MergedWithPrevious' }, ['né-', '-', rest]],
    [{ ...hyphen, behavior: 'MergedWithNext' }, ['né', '-', `-${rest}`]],
    [{ ...hyphen, behavior: 'Contiguous' }, ['né', '--', rest]],
    [{ ...groups, behavior: 'Removed', invert: true }, ['--']],
    [{ ...groups, behavior: 'Isolated', invert: true }, ['né', '--', rest]],
    [{ type: 'Metaspace', prepend_scheme: 'never' }, ['né--x', '▁1२', '▁½', "▁²..a'b"]],
    [{ type: 'Metaspace', add_prefix_space: false, split: false }, ["né--x▁1२▁½▁²..a'b"]],
  ])('%j', (step, pieces) => {
    const known = [...new Set(pieces)];
    const model = { type: 'WordLevel', unk_token: '<unk>', vocab: tableOf(['<unk>', ...known]) };
    for (const pre_tokenizer of [step, { type: 'Sequence', pretokenizers: [step] }]) {
      expect(open({ ...plain, pre_tokenizer, model }).encode(text)).toEqual(
        pieces.map((one) => known.indexOf(one) + 1),
      );
    }
  });
});

test('an unknown word is the token for what is unknown', () => {
  const model = { type: 'WordLevel', unk_token: '<unk>', vocab: tableOf(['<unk>', 'a']) };
  expect(open({ ...plain, pre_tokenizer: { type: 'Whitespace' }, model }).encode('a b a')).toEqual([1, 0, 1]);
});

test('a unigram model falls back to bytes, where it says so', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const vocab = ['<unk>', ...bytes, 'a'].map((piece, id) => [piece, -id]);
  const model = { type: 'Unigram', unk_id: 0, byte_fallback: true, vocab };
  const json = { ...plain, pre_tokenizer: null, decoder: byteFallbackTokenizer().decoder };
  const tokenizer = open({ ...json, model });
  expect(tokenizer.encode('aéa')).toEqual([257, 0xc3 + 1, 0xa9 + 1, 257]);
  expect(tokenizer.decode(tokenizer.encode('aéa'))).toBe('aéa');
  expect(open({ ...json, model: { ...model, byte_fallback: false } }).encode('aéa')).toEqual([257, 0, 257]);
});

test.each([
  ['a model of another type', { model: { type: 'Foo', vocab: { a: 0 } } }, 'got "Foo"'],
  [
    'a prefix inside words',
    { model: { type: 'BPE', continuing_subword_prefix: '##', vocab: { a: 0 }, merges: [] } },
    '##',
  ],
  ['a split by nothing', { pre_tokenizer: { type: 'Split', pattern: null, behavior: 'Isolated' } }, 'got null'],
  [
    'a split of another behavior',
    { pre_tokenizer: { type: 'Split', pattern: { String: 'a' }, behavior: 'x' } },
    'got x',
  ],
])('%s is refused, not guessed at', (_what, changes, message) => {
  expect(() => open({ ...byteLevelTokenizer(), ...changes })).toThrow(
    expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining(message) }),
  );
});

describe('what takes time or memory without bound is refused', () => {
  const doubling = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' };
  const sequence = (count: number) => ({
    type: 'Sequence',
    normalizers: Array.from({ length: count }, () => doubling),
  });
  test.each([
    ['a long prefix', { type: 'Prepend', prepend: 'b'.repeat(1e6) }],
    ['a text that grows a thousandfold', sequence(10)],
    ['a text that no string can hold', sequence(60)],
  ])('%s', (_what, normalizer) => {
    const tokenizer = open({ ...byteLevelTokenizer(), normalizer });
    expect(() => tokenizer.encode('a'.repeat(100))).toThrow(expect.objectContaining({ code: 'ERR_TOKENIZER' }));
  });

  test.each([2 ** 30, 3e9, 2 ** 40])('a file of %d bytes, unread', (bytes) => {
    for (const [name, read] of [
      ['config.json', () => readHuggingFaceConfig(folder)],
      ['tokenizer.json', () => openTokenizer(folder)],
      ['vocabulary.bin', () => openTokenizer(join(folder, 'vocabulary.bin'))],
    ] as const) {
      writeFileSync(join(folder, name), '');
      truncateSync(join(folder, name), bytes);
      expect(read).toThrow(
        expect.objectContaining({ code: 'ERR_FILE', message: expect.stringContaining(`it has ${bytes}`) }),
      );
    }
  });
});
