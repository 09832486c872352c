import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTokenizer } from '@mayfly/core';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteFallbackTokenizer, byteLevelTokenizer, templates, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();

const path = join(folder, 'tokenizer.json');
writeTokenizer(folder, byteFallbackTokenizer(), { 'tokenizer_config.json': { eos_token: { content: '</s>' } } });
let folders = 0;
const write = (json: object, beside?: Record<string, object | undefined>): string =>
  writeTokenizer(join(folder, `kind-${++folders}`), json, beside);
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

describe('the tokens around a text', () => {
  const around = (post: object | null, config?: object) =>
    openTokenizer(write({ ...byteFallbackTokenizer(), post_processor: post }, { 'tokenizer_config.json': config }));

  test('EOS ends documents, not prompts', () => {
    const tokenizer = around(templates.bosEos);
    expect(tokenizer.encode('ab')).toEqual([1, 264]);
    expect(tokenizer.encode('ab', { eos: true })).toEqual([1, 264, 2]);
    expect(tokenizer.encode('ab', { bos: false, eos: true })).toEqual([264, 2]);
    expect(tokenizer).toMatchObject({ bos: 1, eos: 2, stops: [2] });
  });

  test.each([
    ['none', null, {}, [264]],
    ['EOS alone', templates.eos, {}, [264, 2]],
    [
      'those of several processors',
      { type: 'Sequence', processors: [{ type: 'ByteLevel' }, templates.bosEos] },
      {},
      [1, 264, 2],
    ],
    ['those of RoBERTa', { type: 'RobertaProcessing', cls: ['<s>', 1], sep: ['</s>', 2] }, {}, [1, 264, 2]],
    ['BOS as the config adds it', null, { add_bos_token: true, bos_token: '<s>' }, [1, 264]],
    ['no BOS as the config leaves it out', templates.bos, { add_bos_token: false, bos_token: '<s>' }, [264]],
    ['EOS as the config adds it', templates.bos, { add_eos_token: true, eos_token: { content: '</s>' } }, [1, 264, 2]],
    [
      'those of the template where the config is null',
      templates.bos,
      { add_bos_token: null, bos_token: null },
      [1, 264],
    ],
  ])('are %s', (_what, post, config, ids) => {
    expect(around(post, config).encode('ab', { eos: true })).toEqual(ids);
  });

  test('a token that does not exist', () => {
    const unknown = { type: 'BertProcessing', cls: ['<x>', 700], sep: ['</s>', 2] };
    expect(() => around(unknown)).toThrow(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining('"<x>"') }),
    );
  });
});

test.each([
  [{}, {}, {}, []],
  [{ eos_token: '</s>' }, {}, {}, [2]],
  [{ eos_token: '</s>' }, { eos_token_id: [264, 2] }, {}, [264, 2]],
  [{ eos_token: '</s>' }, { eos_token_id: [264, 2] }, { eos_token_id: 263 }, [263]],
  [{}, { eos_token_id: 264 }, { eos_token_id: null }, [264]],
])(
  'texts end as transformers ends them: tokenizer_config %j, config %j, generation_config %j',
  (tokenizer, config, generation, stops) => {
    const files = { 'tokenizer_config.json': tokenizer, 'config.json': config, 'generation_config.json': generation };
    expect(openTokenizer(write(byteFallbackTokenizer(), files)).stops).toEqual(stops);
  },
);

test.each([
  [{ eos_token: '</s>' }, undefined, [2]],
  [{ eos_token: { content: '</s>' } }, {}, [2]],
  [{ eos_token: '</s>' }, { eos_token: '<s>' }, [2]],
  [{ eos_token: '</s>' }, { eos_token: '<s>', added_tokens_decoder: {} }, [1]],
  [{}, { eos_token: '<s>' }, [1]],
  [{ eos_token: ['</s>'] }, undefined, []],
])('special_tokens_map %j beside tokenizer_config %j', (map, config, stops) => {
  const files = { 'special_tokens_map.json': map, 'tokenizer_config.json': config };
  expect(openTokenizer(write(byteFallbackTokenizer(), files)).stops).toEqual(stops);
});

test('eos_token_id that is no id', () => {
  expect(() => openTokenizer(write(byteFallbackTokenizer(), { 'config.json': { eos_token_id: '2' } }))).toThrow(
    expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringMatching(/eos_token_id .* got "2"/) }),
  );
});

test('a vocabulary of any size opens', () => {
  const vocab = Object.fromEntries(Array.from({ length: 262_144 }, (_, id) => [`t${id}`, id]));
  const json = { ...byteLevelTokenizer(), added_tokens: [], model: { type: 'BPE', vocab, merges: [] } };
  expect(openTokenizer(write(json))).toMatchObject({ vocab: 262_144, ordinary: 262_144, holes: [] });
});

test('a unigram model takes a text of more pieces than a call takes arguments', () => {
  const model = {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['a', -1],
    ],
  };
  const tokenizer = openTokenizer(write({ ...byteLevelTokenizer(), added_tokens: [], pre_tokenizer: null, model }));
  expect(tokenizer.encode('a'.repeat(200_000))).toHaveLength(200_000);
});

test('ids may have holes, which are told', () => {
  const json = { ...byteFallbackTokenizer(), model: { type: 'BPE', vocab: { a: 5, b: 3 }, merges: [] } };
  expect(openTokenizer(write(json))).toMatchObject({ vocab: 6, holes: [4] });
});

describe('hostile files are refused at once', () => {
  const withIds = (vocab: unknown, added: unknown = []) => ({
    ...byteFallbackTokenizer(),
    added_tokens: added,
    post_processor: null,
    model: { type: 'BPE', vocab, merges: [] },
  });
  const token = (id: unknown, content: unknown = 'x') => ({ id, content });
  test.each([
    ['an id of 2^31', withIds({ a: 0, b: 2 ** 31 }), 'got 2147483648 for "b"'],
    ['an added id of 2^31', withIds({ a: 0 }, [token(2 ** 31)]), 'got 2147483648 for "x"'],
    ['a negative id', withIds({ a: -1 }), 'got -1 for "a"'],
    ['a fraction', withIds({ a: 0.5 }), 'got 0.5 for "a"'],
    ['an id that is text', withIds({ a: '0' }), 'got "0" for "a"'],
    ['an id given twice', withIds({ a: 0, b: 0 }), 'one token for the id 0, got "a" and "b"'],
    ['an added id given twice', withIds({ a: 0 }, [token(0)]), 'one token for the id 0, got "a" and "x"'],
    ['a token with two ids', withIds({ a: 0 }, [token(1, 'a')]), 'one id for the token "a", got 0 and 1'],
    ['an added token without text', withIds({ a: 0 }, [token(1, null)]), 'got 1 for null'],
    ['no list of added tokens', withIds({ a: 0 }, { length: 1e9 }), 'a list of objects for `added_tokens`'],
    ['no vocabulary', withIds(7), 'got 7'],
    ['a vocabulary alone', { a: 0, b: 1 }, 'a vocabulary alone (vocab.json)'],
  ])('%s', (_what, json, message) => {
    expect(() => openTokenizer(write(json))).toThrow(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining(message) }),
    );
  });

  test('steps in steps without end', () => {
    const folder = write(withIds({ a: 0 }));
    const deep = `${'{"type":"Sequence","normalizers":['.repeat(1e5)}null${']}'.repeat(1e5)}`;
    const path = join(folder, 'tokenizer.json');
    writeFileSync(path, JSON.stringify({ ...withIds({ a: 0 }), normalizer: 'deep' }).replace('"deep"', deep));
    expect(() => openTokenizer(folder)).toThrow(expect.objectContaining({ code: 'ERR_TOKENIZER' }));
  });

  test('__proto__ is a token like any other', () => {
    const json = JSON.parse(JSON.stringify(withIds({ a: 0 })).replace('"a":0', '"a":0,"__proto__":1'));
    expect(openTokenizer(write(json))).toMatchObject({ vocab: 2 });
  });

  const hostile = '(a+)+$';
  const split = { type: 'Split', pattern: { Regex: hostile }, behavior: 'Isolated', invert: false };
  const replace = { type: 'Replace', pattern: { Regex: hostile }, content: '' };
  const text = `${'a'.repeat(45)}!`;
  const refused = expect.objectContaining({
    code: 'ERR_TOKENIZER',
    message: expect.stringContaining(`got no end of one of "${hostile}"`),
  });
  test('an expression without end, before pieces', () => {
    const tokenizer = openTokenizer(write({ ...byteLevelTokenizer(), pre_tokenizer: split }));
    expect(tokenizer.encode('aab')).toEqual([97, 257]);
    expect(() => tokenizer.encode(text)).toThrow(refused);
    expect(tokenizer.encode('aab')).toEqual([97, 257]);
  });

  test('an expression without end, in a normalizer that reads added tokens', () => {
    const added = [{ id: 300, content: text, special: false, normalized: true }];
    const json = { ...byteLevelTokenizer(), normalizer: replace, added_tokens: added };
    expect(() => openTokenizer(write(json))).toThrow(refused);
  });

  test('an expression without end, in a decoder', () => {
    const added = [{ id: 300, content: text, special: false, normalized: false }];
    const json = { ...byteLevelTokenizer(), decoder: replace, added_tokens: added };
    const tokenizer = openTokenizer(write(json));
    expect(() => tokenizer.decode([300])).toThrow(refused);
  });
});
