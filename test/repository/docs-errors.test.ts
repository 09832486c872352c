import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = ['packages/core/src', 'packages/worker/src', 'packages/native/lib', 'packages/native/src'];

function codesIn(text: string): string[] {
  return text.match(/\bERR_[A-Z]+(?:_[A-Z]+)*\b(?!_)/g) ?? [];
}

test('docs/reference/errors.md has every error code of the sources, and no other but those of the Neural Engine', () => {
  const raised = sources.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|cc|h|mm)$/.test(name))
      .flatMap((name) => codesIn(readFileSync(join(root, folder, name), 'utf8'))),
  );
  const documented = codesIn(readFileSync(join(root, 'docs/reference/errors.md'), 'utf8'));
  expect(raised.filter((code) => !documented.includes(code))).toEqual([]);
  expect(documented.filter((code) => !raised.includes(code) && !code.startsWith('ERR_ANE_'))).toEqual([]);
});
