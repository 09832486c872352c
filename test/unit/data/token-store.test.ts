import { createHash } from 'node:crypto';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { openData, openTokenizer, type TokenStream } from '@mayfly/core/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const tokenizer = openTokenizer('bytes');
let tests = 0;
let cache = '';
let threads = 0;
const count = (_: Worker) => {
  threads += 1;
};

beforeEach(() => {
  cache = join(folder, `cache-${tests++}`);
  vi.stubEnv('XDG_CACHE_HOME', cache);
  threads = 0;
  process.on('worker', count);
});
afterEach(() => {
  process.off('worker', count);
  vi.unstubAllEnvs();
});

function rows(first: string): string {
  const path = join(folder, `rows-${tests}.jsonl`);
  const texts = [first, ...Array.from({ length: 300 }, (_, index) => `${index} ${'abc '.repeat(1000)}`)];
  writeFileSync(path, texts.map((text) => JSON.stringify({ text })).join('\n'));
  return path;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function content(stream: TokenStream) {
  const [ids, marks] = [new Int32Array(stream.length), new Uint8Array(stream.length)];
  stream.read(0, ids);
  stream.readMarks?.(0, marks);
  const start = Buffer.from(ids.subarray(0, 3)).toString();
  const documents = marks.filter((mark) => mark === 2).length;
  return { start, documents, ids: digest(new Uint8Array(ids.buffer)), marks: digest(marks) };
}

const kept = () => readdirSync(join(cache, 'mayfly/tokens'));

test('large data are encoded once, by their content and the options', async () => {
  const path = rows('one');
  const first = content(await openData(path, { tokenizer, documents: true }));
  expect(threads).toBeGreaterThan(0);
  expect(kept()).toHaveLength(1);
  threads = 0;
  expect(content(await openData(path, { tokenizer, documents: true }))).toEqual(first);
  expect(threads).toBe(0);
  expect(first.documents).toBe(301);

  const plain = await openData(path, { tokenizer });
  expect(plain.readMarks).toBeUndefined();
  expect(content(plain).ids).toBe(first.ids);
  const changed = content(await openData(rows('two'), { tokenizer, documents: true }));
  expect(changed.start).toBe('two');
  expect(kept()).toHaveLength(3);
});

test('a damaged file is not used, and replaced', async () => {
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const path = rows('one');
  const first = content(await openData(path, { tokenizer }));
  const file = join(cache, 'mayfly/tokens', kept()[0]!);
  truncateSync(file, 1000);
  expect(content(await openData(path, { tokenizer }))).toEqual(first);
  expect(warnings).toHaveBeenCalledWith(expect.stringContaining('is not used: '));
  warnings.mockClear();
  expect(content(await openData(path, { tokenizer }))).toEqual(first);
  expect(warnings).not.toHaveBeenCalled();
  warnings.mockRestore();
});

test('runs that start at once do not harm each other', async () => {
  const path = rows('one');
  const streams = await Promise.all([1, 2, 3].map(() => openData(path, { tokenizer })));
  const [first, ...others] = streams.map(content);
  for (const other of others) expect(other).toEqual(first);
  expect(kept()).toHaveLength(1);
});

test('nothing is kept where that is switched off, or the cache folder takes no file', async () => {
  const path = rows('one');
  const first = content(await openData(path, { tokenizer, cache: false }));
  expect(() => kept()).toThrow('ENOENT');
  writeFileSync(cache, 'a file in its place');
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  expect(content(await openData(path, { tokenizer }))).toEqual(first);
  expect(warnings).toHaveBeenCalledWith(expect.stringContaining('are not kept: Cannot '));
  warnings.mockRestore();
});

test('an error in the data is the error, and leaves no file behind', async () => {
  const path = rows('one');
  writeFileSync(path, '\n{"text"', { flag: 'a' });
  await expect(openData(path, { tokenizer })).rejects.toThrow(/line 302: Expected JSON/);
  expect(kept()).toEqual([]);
  await expect(openData(path, { tokenizer, cache: false })).rejects.toThrow(/line 302: Expected JSON/);
});
