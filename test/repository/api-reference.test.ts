import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../packages/core/dist/', import.meta.url));

// `npm run docs`, a step of `.ci/run`, fails on an export without documentation, a type that is not exported and a dead link.
test('declarations that users get leave out what is internal', () => {
  const declarations = readdirSync(folder).filter((name) => name.endsWith('.d.ts'));
  expect(declarations).toContain('index.d.ts');
  const internal = declarations.filter((name) => readFileSync(join(folder, name), 'utf8').includes('@internal'));
  expect(internal).toEqual([]);
});
