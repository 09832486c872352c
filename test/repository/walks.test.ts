import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const script = new URL('../walks.mjs', import.meta.url).pathname;
const page = readFileSync(new URL('../../docs/internals/structures.md', import.meta.url), 'utf8');

type Walks = Readonly<Record<'run' | 'compile' | 'update' | 'retirement', readonly string[]>>;
const walks = JSON.parse(execFileSync(process.execPath, [script, '--json'], { encoding: 'utf8' })) as Walks;

test.each(['run', 'compile', 'update', 'retirement'] as const)('%s enters no more files than its page says', (walk) => {
  const [, files] = new RegExp(`^## .*\\(\`${walk}\`: (\\d+) files\\)$`, 'm').exec(page) ?? [];
  expect(walks[walk].length, walks[walk].join('\n')).toBeLessThanOrEqual(Number(files));
});

test('an answer goes from its worker to the fleet and to its kernel, and never above', () => {
  const above = walks.run.filter((file) => /^pool\/(pool|fleet\/(?!fleet|health))/.test(file));
  expect(above).toEqual([]);
});
