import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { launcher } from '../../fixtures/command.js';
import { runPage, typeFaults } from '../../fixtures/docs-page.js';
import { fullProduct } from '../../fixtures/full-product.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = temporaryFolder();
const bin = join(folder, 'bin');
mkdirSync(bin);
symlinkSync(join(dirname(launcher), 'mayfly'), join(bin, 'mayfly'));
writeFileSync(join(bin, 'npx'), '#!/bin/sh\nexec "$@"\n');
chmodSync(join(bin, 'npx'), 0o755);
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

const everyPage = [
  ...['README.md', 'packages/core/README.md', 'packages/native/README.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !/^(?:reference\/api|\.vitepress)\//.test(path))
    .map((path) => `docs/${path}`)
    .sort(),
];
/** The page that a new user repeats word by word. */
const pages = fullProduct ? everyPage : ['README.md'];

const programs: string[] = [];
const skipped: string[] = [];
afterAll(() => {
  for (const reason of skipped) console.log(`not run: ${reason}`);
});

test.each(pages)('commands and programs of %s work as printed', async (page) => {
  const done = await runPage(join(root, page), { folder: join(folder, page.replaceAll('/', '-')), bin });
  programs.push(...done.programs);
  skipped.push(...done.skipped.map((reason) => reason.replace(root, '')));
  expect(done.faults).toEqual([]);
  // Where a guide measures a model twice, the second one is better, or the same.
  const losses = Array.from(done.output.matchAll(/^cross-entropy ([\d.]+)/gm), ([, loss]) => Number(loss));
  if (page.startsWith('docs/guides/')) expect(losses.toSorted((a, b) => b - a)).toEqual(losses);
});

test('the TypeScript of the pages is right', () => {
  expect(typeFaults(programs)).toEqual([]);
});
