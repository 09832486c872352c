import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const typedoc = join(dirname(createRequire(import.meta.url).resolve('typedoc/package.json')), 'bin/typedoc');

test('every export is documented, its types are exported, and its links lead somewhere', () => {
  // `npm run check` looks for errors of types.
  const options = ['--emit', 'none', '--skipErrorChecking', '--logLevel', 'Warn'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, ...options], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', NODE_NO_WARNINGS: '1' },
  });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});

test('declarations that users get leave out what is internal', () => {
  const folder = join(root, 'packages/core/dist');
  const declarations = readdirSync(folder).filter((name) => name.endsWith('.d.ts'));
  expect(declarations).toContain('index.d.ts');
  const internal = declarations.filter((name) => readFileSync(join(folder, name), 'utf8').includes('@internal'));
  expect(internal).toEqual([]);
});
