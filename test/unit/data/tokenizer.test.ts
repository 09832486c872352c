import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteTokenizer, Llama2cTokenizer, openTokenizer } from '@mayfly/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sharedData } from '../../fixtures/shared-data.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const byteNames = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

/** `<unk>`, BOS, EOS, the bytes, then these pieces (from id 259), each with its score. */
function vocabulary(pieces: Readonly<Record<string, number>>): { pieces: string[]; scores: number[] } {
  const names = Object.keys(pieces).map((piece) => Buffer.from(piece).toString('latin1'));
  return {
    pieces: ['<unk>', '\n<s>\n', '\n</s>\n', ...byteNames, ...names],
    scores: [...new Array(259).fill(0), ...Object.values(pieces)],
  };
}

function tokenizer(table: Readonly<Record<string, number>>): Llama2cTokenizer {
  const { pieces, scores } = vocabulary(table);
  return new Llama2cTokenizer('test', pieces, scores);
}

const letters = { ' ': -20, a: -21, b: -22, c: -23, é: -24 };

describe('ByteTokenizer', () => {
  const bytes = new ByteTokenizer();

  test('ids are the bytes of UTF-8, and any text survives', () => {
    expect(bytes.encode('aé')).toEqual([0x61, 0xc3, 0xa9]);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => bytes.decode(bytes.encode(text)) === text));
  });

  test('bytes that are no UTF-8 decode to replacement characters', () => {
    expect(bytes.decode([0x61, 0xff, 0x62, 0xe2, 0x82])).toBe('a\ufffdb\ufffd');
  });

  test('a decoder holds a character back until its last byte is there', () => {
    const decoder = bytes.decoder();
    expect([0xe2, 0x82, 0xac].map((byte) => decoder.write(byte))).toEqual(['', '', '€']);
    expect([decoder.write(0xe2), decoder.end(), decoder.write(0x61)]).toEqual(['', '\ufffd', 'a']);
  });

  test('an id that is no byte', () => {
    expect(() => bytes.decode([256])).toThrow(expect.objectContaining({ code: 'ERR_TOKEN_RANGE' }));
  });
});

describe('Llama2cTokenizer', () => {
  test('a space goes in front, characters without a piece become bytes', () => {
    expect(tokenizer(letters).encode('aé€')).toEqual([1, 259, 260, 263, 0xe2 + 3, 0x82 + 3, 0xac + 3]);
  });

  test('BOS is optional, and an empty text is nothing else', () => {
    expect(tokenizer(letters).encode('a', { bos: false })).toEqual([259, 260]);
    expect(tokenizer(letters).encode('')).toEqual([1]);
    expect(tokenizer(letters).encode('', { bos: false })).toEqual([]);
  });

  test('the best score is merged first, the leftmost among equals', () => {
    const merging = tokenizer({ ...letters, ab: -2, bc: -1, aa: -3, abab: 0 });
    const [a, ab, bc, aa, abab] = [260, 264, 265, 266, 267];
    expect(merging.encode('abc', { bos: false })).toEqual([259, a, bc]);
    expect(merging.encode('aaa', { bos: false })).toEqual([259, aa, a]);
    // ` abab`: ab is merged twice before abab, better as it is, comes into sight.
    expect(merging.encode('abab', { bos: false })).toEqual([259, abab]);
    expect(merging.encode('aab', { bos: false })).toEqual([259, a, ab]);
  });

  const vocabularies = fc.dictionary(
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é'), minLength: 2, maxLength: 4 }),
    fc.integer({ min: -6, max: 0 }),
    { maxKeys: 20 },
  );
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é', '€', '\n'), maxLength: 40 });

  test('merges as a search over all pairs does, whatever the vocabulary', () => {
    fc.assert(
      fc.property(vocabularies, texts, (table, text) => {
        const all = { ...letters, ...table };
        const tested = tokenizer(all);
        const expected = searchEncode(vocabulary(all), text);
        expect(tested.encode(text)).toEqual(expected);
        // Again, now that words are remembered.
        expect(tested.encode(text)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test('decodes what it encoded', () => {
    fc.assert(
      fc.property(vocabularies, texts, (table, text) => {
        const tested = tokenizer({ ...letters, ...table });
        expect(tested.decode(tested.encode(text))).toBe(text);
      }),
    );
  });

  test('after BOS one space is taken off, elsewhere none; BOS and EOS are no text', () => {
    const tested = tokenizer({ ...letters, ' a': 0 });
    expect(tested.decode([1, 264, 264, 2, 264, 1, 264])).toBe('a a aa');
    expect(tested.decode([264, 264])).toBe(' a a');
  });

  test('an id beyond the vocabulary', () => {
    expect(() => tokenizer(letters).decode([264])).toThrow(
      expect.objectContaining({
        code: 'ERR_TOKEN_RANGE',
        message: "Expected a token id below the vocabulary's 264, got 264",
      }),
    );
  });

  test('a long word takes n log n', () => {
    const merging = tokenizer({ ...letters, aa: -1, aaaa: -2, aaaaaaaa: -3 });
    const ids = merging.encode('a'.repeat(400_000), { bos: false });
    expect(ids).toEqual([259, ...new Array(50_000).fill(266)]);
  });
});

describe('openTokenizer', () => {
  function write(name: string, change: (bytes: Buffer) => Buffer): string {
    const { pieces, scores } = vocabulary({ ...letters, ab: -1.5 });
    const records = pieces.map((piece, id) => {
      const record = Buffer.alloc(8 + piece.length);
      record.writeFloatLE(scores[id]!, 0);
      record.writeInt32LE(piece.length, 4);
      record.write(piece, 8, 'latin1');
      return record;
    });
    const longest = Buffer.from(Int32Array.of(6).buffer);
    const path = join(folder, name);
    writeFileSync(path, change(Buffer.concat([longest, ...records])));
    return path;
  }

  test('bytes, or a file', () => {
    expect(openTokenizer('bytes')).toMatchObject({ name: 'bytes', vocab: 256 });
    const path = write('whole.bin', (bytes) => bytes);
    const opened = openTokenizer(path);
    expect(opened).toMatchObject({ name: path, vocab: 265, bos: 1, eos: 2 });
    expect(opened.encode('abé')).toEqual([1, 259, 264, 263]);
  });

  test.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['cut in a piece', (bytes) => bytes.subarray(0, -1), 'piece 264 to have 0 to 1 bytes, got 2'],
    [
      'cut between length and score',
      (bytes) => bytes.subarray(0, -6),
      '8 bytes of score and length for piece 264, got 4',
    ],
    ['cut before the bytes end', (bytes) => bytes.subarray(0, 2000), 'got'],
    ['empty', () => Buffer.alloc(0), 'piece 3 to be <0x00>, got the end of the file'],
    [
      'text',
      () => Buffer.from('{"version": "1.0", "truncation": null}'),
      'Expected a tokenizer.json, got one refused with',
    ],
    ['full of empty pieces', () => Buffer.alloc(8 * 2 ** 20 + 12), 'at most 1048576 pieces, got more'],
    ['prose', () => Buffer.from('Once upon a time'), 'piece 0 to have'],
    [
      'SentencePiece',
      () => Buffer.from('\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02', 'latin1'),
      'got a SentencePiece model: convert it to a tokenizer.json',
    ],
  ])('a file that is %s', (name, change, message) => {
    const path = write(`${name}.bin`, change);
    expect(() => openTokenizer(path)).toThrow(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining(message) }),
    );
  });

  test('a missing file', () => {
    const path = join(folder, 'absent.bin');
    expect(() => openTokenizer(path)).toThrow(
      expect.objectContaining({
        code: 'ERR_FILE_NOT_FOUND',
        message: `Cannot find a tokenizer at ${path}: no such file or directory`,
      }),
    );
  });
});

const tok512 = sharedData('stories260K/tok512.bin');
const text = sharedData('tinystories/tinystories_train_2MiB.txt');
const golden = sharedData('tinystories/tinystories_train.tok512.u16');
const absent = tok512.absent || text.absent || golden.absent;

describe(`tok512${absent ? ` (skipped: ${absent})` : ''}`, () => {
  test.skipIf(absent)('the golden sentence', () => {
    const opened = openTokenizer(tok512.path);
    const sentence = 'Once upon a time, there was a little girl named Lily.';
    const ids = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426];
    expect(opened.encode(sentence)).toEqual(ids);
    expect(opened.decode(ids)).toBe(sentence);
  });

  test.skipIf(absent)('every token of TinyStories, and back', () => {
    const opened = openTokenizer(tok512.path);
    const stories = readFileSync(text.path, 'utf8')
      .split('<|endoftext|>\n')
      .slice(0, -1)
      .map((story) => story.trim());
    const bytes = readFileSync(golden.path);
    const expected = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const ids = stories.flatMap((story) => opened.encode(story));
    expect(ids.length).toBe(1_031_693);
    expect(Buffer.from(Uint16Array.from(ids).buffer).equals(bytes)).toBe(true);
    expect(opened.decode(expected)).toBe(stories.join(''));
  });
});

/** run.c's way: look at all pairs, merge the best one, and again. */
function searchEncode({ pieces, scores }: { pieces: string[]; scores: number[] }, text: string): number[] {
  const latin1 = (value: string) => Buffer.from(value).toString('latin1');
  const ids = text === '' ? [] : [pieces.indexOf(' ')];
  for (const character of text) {
    const id = pieces.indexOf(latin1(character));
    ids.push(...(id >= 0 ? [id] : [...Buffer.from(character)].map((byte) => byte + 3)));
  }
  for (;;) {
    let best = { score: -1e10, at: -1, id: -1 };
    for (let at = 0; at + 1 < ids.length; at++) {
      const id = pieces.indexOf(pieces[ids[at]!]! + pieces[ids[at + 1]!]!);
      if (id >= 0 && scores[id]! > best.score) best = { score: scores[id]!, at, id };
    }
    if (best.at < 0) return [1, ...ids];
    ids.splice(best.at, 2, best.id);
  }
}
