import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkTokens,
  openData,
  openTokenFile,
  openTokenizer,
  TokenArray,
  type Tokenizer,
  TokenSlice,
  type TokenStream,
} from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { sharedData } from '../../fixtures/shared-data.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const bytes = openTokenizer('bytes');

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function tokens(stream: TokenStream, offset = 0, count = stream.length - offset): number[] {
  const target = new Int32Array(count);
  stream.read(offset, target);
  return [...target];
}

function asText(stream: TokenStream): string {
  return Buffer.from(tokens(stream)).toString();
}

/** Ids are code units; documents start with 0. */
const unitTokenizer = {
  name: 'units',
  vocab: 70_000,
  bos: 0,
  encode: (text: string) => [0, ...[...text].map((character) => character.codePointAt(0)!)],
} as unknown as Tokenizer;

describe('.u16 files', () => {
  test('are read as little-endian uint16', async () => {
    const stream = await openData(write('tokens.u16', Uint8Array.of(1, 0, 0, 1, 255, 255)));
    expect(tokens(stream)).toEqual([1, 256, 65535]);
    expect(tokens(stream, 1, 1)).toEqual([256]);
    expect(() => stream.read(2, new Int32Array(2))).toThrow(RangeError);
    stream.close();
  });

  test('too large for memory are read window by window', async () => {
    const path = join(folder, 'large.u16');
    const count = 33 * 2 ** 20;
    const values = new Uint16Array(count);
    for (let index = 0; index < count; index++) values[index] = index * 7;
    writeFileSync(path, values);
    const stream = await openTokenFile(path, { bytesPerToken: 2 });
    expect(stream).not.toBeInstanceOf(TokenArray);
    expect(stream.length).toBe(count);
    for (const offset of [0, 1, 4095, 2 ** 24 + 3, count - 5]) {
      expect(tokens(stream, offset, 5)).toEqual([...values.subarray(offset, offset + 5)]);
    }
    expect(tokens(stream, 10, 1000)).toEqual([...values.subarray(10, 1010)]);
    expect(() => stream.read(count - 4, new Int32Array(5))).toThrow(RangeError);
    await expect(checkTokens(stream, 65_535)).rejects.toThrow(/got 65535 at position/);
    await expect(checkTokens(stream, 65_536)).resolves.toBeUndefined();
    stream.close();
    stream.close();
    expect(() => stream.read(0, new Int32Array(1))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  test('are closed at the end of their block', async () => {
    const path = join(folder, 'block.u16');
    writeFileSync(path, new Uint16Array(33 * 2 ** 20));
    const after = async () => {
      using stream = await openData(path);
      stream.read(0, new Int32Array(1));
      return stream;
    };
    const stream = await after();
    expect(() => stream.read(0, new Int32Array(1))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  test('with half a token are refused', async () => {
    const path = write('odd.u16', Uint8Array.of(1, 0, 2));
    await expect(openData(path)).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_DATA_FORMAT',
        message: `${path}: Expected a whole number of uint16 tokens, got 3 bytes`,
      }),
    );
  });

  test('that are not there, or are an empty folder', async () => {
    const path = join(folder, 'absent.u16');
    await expect(openData(path)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_FILE_NOT_FOUND', message: expect.stringContaining(path) }),
    );
    mkdirSync(join(folder, 'folder.u16'));
    await expect(openData(join(folder, 'folder.u16'))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_FILE_NOT_FOUND', message: expect.stringContaining('got none') }),
    );
  });
});

describe('text', () => {
  test('of one file, byte by byte, whatever the bytes', async () => {
    const path = write('one.txt', Uint8Array.of(97, 0, 255, 10));
    expect(tokens(await openData(path, { tokenizer: bytes }))).toEqual([97, 0, 255, 10]);
  });

  test('of a folder: by path, without hidden, binary and linked files', async () => {
    write('texts/b.txt', 'B');
    write('texts/a/z.md', 'Z');
    write('texts/a.txt', 'A');
    write('texts/a/B/c.txt', 'C');
    write('texts/.hidden', 'H');
    write('texts/.git/config', 'G');
    write('texts/binary.bin', Uint8Array.of(98, 0));
    symlinkSync(join(folder, 'texts'), join(folder, 'texts', 'loop'));
    // '.' sorts before '/', capitals before small letters.
    expect(asText(await openData(join(folder, 'texts'), { tokenizer: bytes }))).toBe('ACZB');
    expect(asText(await openData(join(folder, 'texts'), { tokenizer: bytes, extensions: ['.md', 'c.txt'] }))).toBe(
      'CZ',
    );
  });

  test('of other tokenizers: stripped documents, each with its BOS', async () => {
    write(
      'documents/1.txt',
      '\n one \n<|endoftext|>\r\ntwo\nlines\n<|endoftext|>\n\n<|endoftext|>\nnot <|endoftext|> here',
    );
    write('documents/2.txt', 'three 😀');
    const stream = await openData(join(folder, 'documents'), { tokenizer: unitTokenizer });
    expect(String.fromCodePoint(...tokens(stream))).toBe('\0one\0two\nlines\0not <|endoftext|> here\0three 😀');
  });

  test('is cut into documents alike, however it is read', async () => {
    // Longer than a chunk of 4 MiB, with separators and characters across its border.
    const story = `${'é'.repeat(1000)}\n`;
    const document = story.repeat(700).trim();
    const path = write('long.txt', `x${document}\n<|endoftext|>\n`.repeat(5));
    const stream = await openData(path, { tokenizer: unitTokenizer });
    expect(String.fromCodePoint(...tokens(stream, 0, 10))).toBe('\0xéééééééé');
    expect(stream.length).toBe(5 * (2 + document.length));
  });

  test('of a tokenizer that puts nothing around a text: with a separator between documents', async () => {
    const path = write('bare.txt', 'one\n<|endoftext|>\ntwo\n<|endoftext|>\n');
    const bare: Tokenizer = { ...unitTokenizer, encode: (text) => unitTokenizer.encode(text).slice(1) };
    expect(asText(await openData(path, { tokenizer: { ...bare, separator: [33] } }))).toBe('one!two');
  });

  test.each([
    ['.bin', 'text all the same', 'a .bin file'],
    ['.BIN', 'text all the same', 'a .bin file'],
    ['.npy', Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), 'a NumPy array'],
    ['.txt', Uint8Array.of(97, 0, 98), 'bytes that are no UTF-8'],
    ['.txt', Uint8Array.of(97, 0xff, 98), 'bytes that are no UTF-8'],
    ['.gz', Uint8Array.of(0x1f, 0x8b, 8, 0), 'a gzip file'],
  ])('is not what a %s file holds', async (extension, content, kind) => {
    const path = write(`strange${extension}`, content);
    await expect(openData(path, { tokenizer: unitTokenizer })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_DATA_FORMAT',
        message: expect.stringContaining(`Expected text, got ${kind}: --data-format u16`),
      }),
    );
    await expect(openData(path, { tokenizer: bytes })).resolves.toBeDefined();
  });

  test('may be JSON, and end within a character where it is looked at', async () => {
    expect((await openData(write('list.json', '{"a": 1}'), { tokenizer: unitTokenizer })).length).toBe(9);
    expect((await openData(write('long.md', `${'x'.repeat(7999)}é`), { tokenizer: unitTokenizer })).length).toBe(8001);
  });

  test('is UTF-8 to its end, in a folder too', async () => {
    const path = write(
      'late/text.txt',
      Buffer.concat([Buffer.alloc(9000, 'a'), Buffer.from([0xff]), Buffer.from('b')]),
    );
    for (const source of [path, join(folder, 'late')]) {
      await expect(openData(source, { tokenizer: unitTokenizer })).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_DATA_FORMAT',
          message: `${path}: Expected text, got bytes that are no UTF-8`,
        }),
      );
    }
    expect((await openData(path, { tokenizer: bytes })).length).toBe(9002);
  });

  test.each(['text.txt', 'tokens.u16'])('a pipe is not waited for: %s', async (name) => {
    const path = join(folder, `pipe-${name}`);
    execFileSync('mkfifo', [path]);
    for (const tokenizer of [bytes, unitTokenizer]) {
      await expect(openData(path, { tokenizer })).rejects.toThrow(
        expect.objectContaining({ code: 'ERR_FILE', message: expect.stringContaining('it is a pipe') }),
      );
    }
  });

  test('needs a tokenizer', async () => {
    const path = write('plain.txt', 'text');
    await expect(openData(path)).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_TOKENIZER',
        message: `${path}: Expected a tokenizer for text (\`bytes\` or a file), got none`,
      }),
    );
  });

  test('that is not there', async () => {
    const path = join(folder, 'absent');
    await expect(openData(path, { tokenizer: bytes })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_FILE_NOT_FOUND',
        message: `Cannot find text at ${path}: no such file or directory`,
      }),
    );
    mkdirSync(join(folder, 'empty'));
    await expect(openData(join(folder, 'empty'), { tokenizer: bytes })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_FILE_NOT_FOUND', message: expect.stringContaining('got none') }),
    );
  });
});

describe('checkTokens', () => {
  test('names the first id that is too large', async () => {
    const ids = new Uint16Array(600_000).fill(511);
    ids[500_000] = 512;
    ids[500_001] = 600;
    const stream = new TokenArray(ids, 'here');
    await expect(checkTokens(stream, 512)).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_TOKEN_RANGE',
        message: "here: Expected token ids below the vocabulary's 512, got 512 at position 500000",
      }),
    );
    await expect(checkTokens(stream, 601)).resolves.toBeUndefined();
    await expect(checkTokens(new TokenSlice(stream, 0, 500_000), 512)).resolves.toBeUndefined();
  });

  test('ids of 2^31 and more do not pass as negative numbers', async () => {
    await expect(checkTokens(new TokenArray(Uint32Array.of(2 ** 32 - 1), 'here'), 512)).rejects.toThrow(
      /got 4294967295 at position 0/,
    );
  });
});

const text = sharedData('tinystories/tinystories_train_2MiB.txt');
const golden = sharedData('tinystories/tinystories_train.tok512.u16');
const tok512 = sharedData('stories260K/tok512.bin');
const absent = tok512.absent || text.absent || golden.absent;

test.skipIf(absent)(
  `TinyStories as text begins as its token file${absent ? ` (skipped: ${absent})` : ''}`,
  async () => {
    const expected = await openData(golden.path);
    const stream = await openData(text.path, { tokenizer: openTokenizer(tok512.path) });
    expect(expected.length).toBe(1_031_693);
    expect(tokens(stream, 0, expected.length)).toEqual(tokens(expected));
    // The cut last story.
    expect(tokens(stream, expected.length, 1)).toEqual([1]);
  },
);
