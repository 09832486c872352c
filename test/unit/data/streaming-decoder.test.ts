import { join } from 'node:path';
import { openTokenizer } from '@mayfly/core';
import type { Tokenizer } from '@mayfly/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sharedData } from '../../fixtures/shared-data.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { tokenizerKinds, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();

/** Pieces of text that some rule of decoding is about. */
const pieces = [
  ...[..." .?!,'ntsvermab"],
  ...[
    ' ',
    '  ',
    "n't",
    " 's",
    " ' ",
    '½',
    '²³',
    'é',
    '中',
    '😀',
    '\n',
    '\ufeff',
    '<s>',
    '</s>',
    '<|endoftext|>',
    '</w>',
  ],
];
const texts = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })))
  .map((parts) => parts.join(''));

/** Any ids, runs of the first among them: bytes. */
const idsOf = ({ vocab, holes = [] }: Tokenizer) => {
  const known = Array.from({ length: vocab }, (_, id) => id).filter((id) => !holes.includes(id));
  return fc.array(fc.oneof(fc.constantFrom(...known), fc.constantFrom(...known.slice(0, 300))), { maxLength: 100 });
};

function streamed(tokenizer: Tokenizer, ids: readonly number[], before: readonly number[] = []): string {
  const decoder = tokenizer.decoder(before);
  return ids.map((id) => decoder.write(id)).join('') + decoder.end();
}

const kinds = Object.entries(tokenizerKinds).flatMap(([kind, json], index) =>
  [false, true].map((cleansUp): [string, () => Tokenizer] => [
    cleansUp ? `${kind}, cleaned up` : kind,
    () =>
      openTokenizer(
        writeTokenizer(join(folder, `${index}-${cleansUp}`), json(), {
          'tokenizer_config.json': { clean_up_tokenization_spaces: cleansUp },
        }),
      ),
  ]),
);
const story = sharedData('story-656k/tokenizer.json');
if (story.absent) console.log(`skipped: ${story.absent}`);

describe.each([...kinds, ...(story.absent ? [] : [['story-656k', () => openTokenizer(story.path)] as const])])(
  '%s',
  (_kind, open) => {
    const tokenizer = open();

    test('what comes piece by piece is what decode gives', () => {
      const check = (ids: readonly number[]) => {
        expect(streamed(tokenizer, ids)).toBe(tokenizer.decode(ids));
      };
      fc.assert(
        fc.property(texts, (text) => check(tokenizer.encode(text))),
        { numRuns: 30 },
      );
      fc.assert(fc.property(idsOf(tokenizer), check), { numRuns: 30 });
    });

    test('behind a prompt, only what is new comes', () => {
      const property = fc.property(texts, texts, (prompt, more) => {
        const before = tokenizer.encode(`${prompt}x`);
        const ids = tokenizer.encode(more, { bos: false });
        const [whole, first] = [tokenizer.decode([...before, ...ids]), tokenizer.decode(before)];
        fc.pre(whole.startsWith(first));
        expect(first + streamed(tokenizer, ids, before)).toBe(whole);
      });
      fc.assert(property, { numRuns: 20 });
    });
  },
);

test('text is given out as soon as it is settled', () => {
  const tokenizer = openTokenizer(writeTokenizer(join(folder, 'prompt'), tokenizerKinds['byte level']!()));
  const decoder = tokenizer.decoder();
  expect(tokenizer.encode('a é ').map((id) => decoder.write(id))).toEqual(['a', ' ', '', 'é', ' ']);
});

test('clean-up does not take what is there already, nor lose what follows', () => {
  const config = { 'tokenizer_config.json': { clean_up_tokenization_spaces: true } };
  const tokenizer = openTokenizer(writeTokenizer(join(folder, 'cleaned'), tokenizerKinds['byte level']!(), config));
  expect(tokenizer.decode(tokenizer.encode('a .'))).toBe('a.');
  expect(streamed(tokenizer, tokenizer.encode('.'), tokenizer.encode('a '))).toBe('.');
});
