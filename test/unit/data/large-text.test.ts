import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { openData, openTokenizer, type TokenStream } from '@mayfly/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { byteFallbackTokenizer, byteLevelTokenizer, writeTokenizer } from '../../fixtures/tokenizers.js';

const folder = temporaryFolder();

/** Documents of words that are all different, so that no tokenizer remembers them. */
function story(documents: number): string {
  const words = Array.from({ length: documents * 400 }, (_, index) => (index * 2_654_435_761).toString(36));
  return Array.from({ length: documents }, (_, index) => words.slice(index * 400, (index + 1) * 400).join(' ')).join(
    '\n<|endoftext|>\n',
  );
}

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function tokens(stream: TokenStream): number[] {
  const target = new Int32Array(stream.length);
  stream.read(0, target);
  return [...target];
}

let threads: Worker[] = [];
const onThread = (thread: Worker) => threads.push(thread);
beforeEach(() => {
  threads = [];
  process.on('worker', onThread);
});
afterEach(() => {
  process.off('worker', onThread);
});

/** Counts the turns of the event loop until it is told to stop. */
function countTurns(): () => number {
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  return () => {
    clearImmediate(next);
    return turns;
  };
}

const tokenizer = openTokenizer(writeTokenizer(join(folder, 'fallback'), byteFallbackTokenizer()));

test.each([
  ['with BOS', byteFallbackTokenizer],
  ['with separators', byteLevelTokenizer],
])('large text has the tokens of its documents and leaves the event loop free: %s', async (name, json) => {
  const own = openTokenizer(writeTokenizer(join(folder, name), json()));
  const text = story(60);
  const path = write(`${name}.txt`, text);
  const messages: { task: string; source: string; done: number; total: number }[] = [];
  const onProgress = (message: unknown) => messages.push(message as (typeof messages)[0]);
  subscribe('mayfly:progress', onProgress);
  const turns = countTurns();
  const stream = await openData(path, { tokenizer: own });
  const turned = turns();
  unsubscribe('mayfly:progress', onProgress);
  expect(threads).toHaveLength(1);
  expect(turned).toBeGreaterThan(0);
  const expected = text
    .split('\n<|endoftext|>\n')
    .flatMap((document, index) => [...(index === 0 ? [] : (own.separator ?? [])), ...own.encode(document)]);
  expect(tokens(stream)).toEqual(expected);
  expect(messages.length).toBeGreaterThan(0);
  for (const { done, ...message } of messages) {
    expect(message).toEqual({ task: 'tokenize', source: path, total: Buffer.byteLength(text) });
    expect(done).toBeLessThanOrEqual(message.total);
  }
});

test('small text starts no thread', async () => {
  await openData(write('small.txt', 'word '.repeat(1000)), { tokenizer });
  expect(threads).toHaveLength(0);
});

test("a tokenizer of the caller's own encodes large text on the caller's thread, and lets the event loop turn", async () => {
  const ids = Array.from({ length: 100 }, (_, id) => id);
  const slow = {
    ...{ ...tokenizer, name: 'slow', vocab: 100 },
    encode: () => {
      for (const end = performance.now() + 5; performance.now() < end; );
      return ids;
    },
  };
  const turns = countTurns();
  const stream = await openData(write('own.txt', story(120)), { tokenizer: slow });
  const turned = turns();
  expect(threads).toHaveLength(0);
  expect(stream.length).toBe(12_000);
  // A slice of 10 ms ends after two documents at most.
  expect(turned).toBeGreaterThanOrEqual(50);
});

test.each([
  ['a thread', tokenizer],
  ["a tokenizer of the caller's own", { ...tokenizer, name: 'own', encode: (text: string) => tokenizer.encode(text) }],
])('an abort ends %s', async (_, encoding) => {
  const path = write('aborted.txt', story(100));
  const reason = new Error('enough');
  const early = AbortSignal.abort(reason);
  await expect(openData(path, { tokenizer: encoding, signal: early })).rejects.toBe(reason);
  expect(threads).toHaveLength(0);
  const controller = new AbortController();
  setImmediate(() => setImmediate(() => controller.abort(reason)));
  await expect(openData(path, { tokenizer: encoding, signal: controller.signal })).rejects.toBe(reason);
  // Terminated, a thread has the exit code 1.
  for (const thread of threads) expect(thread.threadId).toBe(-1);
});

test('an error of the thread has its code and message', async () => {
  const path = write('late.txt', Buffer.concat([Buffer.from(story(60)), Buffer.from([0xff])]));
  await expect(openData(path, { tokenizer })).rejects.toMatchObject({
    name: 'MayflyError',
    code: 'ERR_DATA_FORMAT',
    message: `${path}: Expected text, got bytes that are no UTF-8`,
  });
  expect(threads).toHaveLength(1);
});

test('bytes of a large folder are read without blocking', async () => {
  const half = new Uint8Array(2 ** 26).fill(97);
  write('large/a.txt', half);
  write('large/b.txt', half.fill(98));
  const turns = countTurns();
  const stream = await openData(join(folder, 'large'), { tokenizer: openTokenizer('bytes') });
  const turned = turns();
  expect(stream.length).toBe(2 ** 27);
  const border = new Int32Array(2);
  stream.read(2 ** 26 - 1, border);
  expect([...border]).toEqual([97, 98]);
  // One read of each file, on a thread.
  expect(turned).toBeGreaterThanOrEqual(2);
});
