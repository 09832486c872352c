import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findRuns } from '@mayfly/core/watch';
import { expect, test } from 'vitest';
import { LogWriter } from '../../fixtures/log-lines.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = temporaryFolder();
for (const name of ['book', 'rates/lr=1', 'rates/lr=2', 'a/b/c', '.hidden', 'book/best']) {
  new LogWriter(join(root, name)).start();
}
mkdirSync(join(root, 'empty'));
const names = (...folders: string[]) => findRuns(folders).map(({ name }) => name);

test('a folder of runs gives those in it and one level below, sorted', () => {
  expect(names(root)).toEqual(['book', 'rates/lr=1', 'rates/lr=2']);
});

test('a run gives itself, each folder once', () => {
  expect(names(join(root, 'book'), root)).toEqual(['book', 'rates/lr=1', 'rates/lr=2']);
  expect(names(join(root, 'rates', 'lr=2'))).toEqual(['lr=2']);
});

test('no runs in a folder, and no folder', () => {
  expect(names(join(root, 'empty'))).toEqual([]);
  expect(() => names(join(root, 'nothing'))).toThrow(/^Expected a run or a folder of runs, got nothing at .*nothing$/);
});
