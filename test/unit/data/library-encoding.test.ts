import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { openTokenizer, PairMerger } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { randomNumbers } from '../../fixtures/math-arena.js';
import { sharedData } from '../../fixtures/shared-data.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteFallbackTokenizer, byteLevelTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();
const random = randomNumbers(11);
const below = (limit: number) => Math.floor(((random() + 1) / 2) * limit);

const alphabets = [
  ...['abc ABC ', 'é中▁ \n\t', '   \n\n', '0123456789', "'s 't're", 'ﬁ\u0301Å', '\0\u0001\u00ad'],
  ...['cé中 A1中中', '\u{1F600}\u200d', '\ud800\udc00\udfff', '<s></s><unk><|endoftext|>'],
];

function randomText(): string {
  return Array.from({ length: below(60) }, () => {
    const alphabet = alphabets[below(alphabets.length)]!;
    if (below(20) === 0) return alphabet;
    return below(5) === 0 ? String.fromCharCode(below(0x10000)) : alphabet[below(alphabet.length)]!;
  }).join('');
}

const merges = ['a b', 'b c', 'ab c', 'Ġ a', 'Ġa bc', 'c a', 'ca bc'];
const pieces = ['ab', 'bc', 'abc', 'Ġa', 'Ġabc', 'ca', 'cabc'];

/** GPT-2's kind with overlapping merges, in several spellings. */
function variant(change: object, model: object = {}): object {
  const json = byteLevelTokenizer() as { model: { vocab: object } };
  const vocab = Object.fromEntries([...Object.keys(json.model.vocab), ...pieces].map((piece, id) => [piece, id]));
  return { ...json, added_tokens: [], model: { ...json.model, vocab, merges, ...model }, ...change };
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false };
const digits = { type: 'Digits', individual_digits: true };
const added = (id: number, content: string, more: object = {}) => ({ id, content, special: false, ...more });

test.each([
  ['of byte fallback', byteFallbackTokenizer()],
  ['of bytes', variant({})],
  ['of bytes with a prefix', variant({ pre_tokenizer: { ...byteLevel, add_prefix_space: true } })],
  ['of bytes after another step', variant({ pre_tokenizer: { type: 'Sequence', pretokenizers: [digits, byteLevel] } })],
  ['of whole words', variant({}, { ignore_merges: true })],
  ['of composed text', variant({ normalizer: { type: 'NFC' } })],
  ['of marked ends', variant({ pre_tokenizer: { type: 'WhitespaceSplit' } }, { end_of_word_suffix: 'c' })],
  ['of unknown characters', variant({ pre_tokenizer: null }, { unk_token: 'a', fuse_unk: true })],
  ['of unfused unknown characters', variant({ pre_tokenizer: null }, { unk_token: 'a' })],
  [
    'of added tokens',
    variant({
      added_tokens: [
        added(300, 'cé', { lstrip: true }),
        added(301, 'cé中', { normalized: false }),
        added(302, ' A1', { rstrip: true }),
        added(303, '中中'),
      ],
      normalizer: { type: 'Lowercase' },
    }),
  ],
])('a model %s gives the ids of the library', (name, json) => {
  const own = openTokenizer(writeTokenizer(join(folder, name), json));
  const library = new Library(json, {});
  const texts = Array.from({ length: 300 }, randomText);
  texts.push(texts.join(''), 'abcab'.repeat(40), `${'▁a'.repeat(200)} ab`);
  for (const text of texts) {
    const { ids } = library.encode(text, { add_special_tokens: false });
    expect(own.encode(text, { bos: false }), JSON.stringify(text)).toEqual(
      ids.filter((id: number | undefined) => id !== undefined),
    );
  }
});

const story = sharedData('story-656k/tokenizer.json');
test.skipIf(story.absent)('a text without breaks gives the ids of the library', () => {
  const own = openTokenizer(story.path);
  const library = new Library(JSON.parse(readFileSync(story.path, 'utf8')) as object, {});
  const letters = Array.from({ length: 500 }, () => String.fromCharCode(97 + below(26))).join('');
  expect(own.encode(letters, { bos: false })).toEqual(library.encode(letters, { add_special_tokens: false }).ids);
});

test('the work of merging a text without breaks hardly grows faster than the text', () => {
  let looks = 0;
  const ranks = new Proxy([] as number[], {
    get: (_, merge) => {
      looks++;
      return (Number(merge) * 7919) % 676;
    },
  });
  const results = Array.from({ length: 676 }, (_, merge) => 26 + merge);
  const find = (left: number, right: number) => {
    looks++;
    return left < 26 && right < 26 ? 26 * left + right : -1;
  };
  const merger = new PairMerger({ find, ranks, results });
  const work = (length: number) => {
    looks = 0;
    const merged = merger.merge(Int32Array.from({ length }, () => below(26)));
    expect(merged.length).toBeLessThan(length);
    return looks;
  };
  // Looks at all pairs for each merge would be a hundred times as many.
  expect(work(20_000)).toBeLessThan(15 * work(2_000));
});
