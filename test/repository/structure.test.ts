import { expect, test } from 'vitest';
import { circles, graphOf, trees, upwardImports } from '../structure.mjs';

for (const { folder, floors } of trees) {
  const files = graphOf(folder);

  test(`${folder}: imports go down, types included`, () => {
    expect(files.size).toBeGreaterThan(0);
    expect(upwardImports(files, floors)).toEqual([]);
  });

  test(`${folder}: no files import each other`, () => {
    expect(circles(files)).toEqual([]);
  });
}

test('a run knows nothing of the pool', () => {
  expect(graphOf('packages/core/src').get('pool/worker/run.ts')?.imports).toEqual([]);
});

test('a circle and an upward import are found', () => {
  const files = new Map([
    ['cli/main.ts', { lines: 1, imports: ['pool/pool.ts'] }],
    ['pool/pool.ts', { lines: 1, imports: ['pool/run.ts', 'cli/main.ts'] }],
    ['pool/run.ts', { lines: 1, imports: [] }],
  ]);
  expect(upwardImports(files, ['cli', 'pool'])).toEqual([['pool/pool.ts', 'cli/main.ts']]);
  expect(circles(files)).toEqual([['cli/main.ts', 'pool/pool.ts']]);
});
