import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTokenizer } from '@mayfly/core';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();

/** BPE with byte fallback as Llama's: ids 3 … 258 are bytes. */
function tokenizerJson(): object {
  const special = ['<unk>', '<s>', '</s>'];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const pieces = [...special, ...bytes, '▁', 'a', 'b', '▁a', 'ab', '▁ab'];
  const added = special.map((content, id) => ({ id, content, special: true, normalized: false }));
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: ['▁ a', 'a b', '▁a b'],
    },
  };
}

const path = join(folder, 'tokenizer.json');
writeFileSync(path, JSON.stringify(tokenizerJson()));
writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: { content: '</s>' } }));
const byte = (value: number): number => value + 3;

test('a folder and its tokenizer.json are the same tokenizer', () => {
  for (const source of [folder, path]) {
    expect(openTokenizer(source)).toMatchObject({ name: path, vocab: 265, bos: 1, eos: 2 });
  }
});

test('text becomes pieces and bytes, behind the beginning-of-sequence token, and text again', () => {
  const tokenizer = openTokenizer(folder);
  const ids = [1, 264, 262, byte(0xc3), byte(0xa9)];
  expect(tokenizer.encode('ab aé')).toEqual(ids);
  expect(tokenizer.encode('ab aé', { bos: false })).toEqual(ids.slice(1));
  expect(tokenizer.decode(ids)).toBe('ab aé');
});

test('a decoder gives out whole characters, with the spaces that decode has', () => {
  const tokenizer = openTokenizer(folder);
  const decoder = tokenizer.decoder();
  const ids = [1, 264, 262, byte(0xc3), byte(0xa9), 264];
  expect(ids.map((id) => decoder.write(id))).toEqual(['', 'ab', ' a', '', 'é', ' ab']);
  expect(decoder.end()).toBe('');
  decoder.write(byte(0xc3));
  expect(decoder.end()).toBe('\uFFFD');
  expect(decoder.write(264)).toBe('ab');
});

test('an id that is no token', () => {
  expect(() => openTokenizer(folder).decode([265])).toThrow(
    expect.objectContaining({ code: 'ERR_TOKEN_RANGE', message: expect.stringContaining('got 265') }),
  );
});

test.each([
  ['no JSON', 'half of a'],
  ['no tokenizer', '{"version":"1.0"}'],
])('a file that holds %s', (_what, text) => {
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, text);
  expect(() => openTokenizer(broken)).toThrow(
    expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining(broken) }),
  );
});
