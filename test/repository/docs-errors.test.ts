import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorTable } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = ['packages/core/src', 'packages/worker/src', 'packages/native/lib', 'packages/native/src'];

const codesIn = (text: string): string[] => text.match(/\bERR_[A-Z]+(?:_[A-Z]+)*\b(?!_)/g) ?? [];

test('the table of errors has every code of the sources', () => {
  const raised = sources.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|cc|h|mm)$/.test(name) && !name.endsWith('cli/error-table.ts'))
      .flatMap((name) => codesIn(readFileSync(join(root, folder, name), 'utf8'))),
  );
  const known = Object.keys(errorTable);
  expect(raised.filter((code) => !known.includes(code))).toEqual([]);
  expect(known.filter((code) => !raised.includes(code))).toEqual([]);
});
