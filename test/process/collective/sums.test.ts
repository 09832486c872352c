import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';
import { describeLaunchers, linesOfRanks, runRanks } from '../../fixtures/mpirun.js';

const script = fileURLToPath(new URL('sums.mjs', import.meta.url));

describeLaunchers('sums over ranks', (launcher) => {
  const sizes = fullProduct ? [1, 2, 3, 4, 5] : launcher.name === 'MPICH' ? [3] : [4];
  test.each(sizes)('have the bits of the tree, at any size around the borders of slices: %i ranks', async (ranks) => {
    const ended = await runRanks(launcher, ranks, script, ['4096']);
    const found = linesOfRanks<{ rank: number; library: string | null }>(ended);
    expect(found, ended.stderr).toMatchObject(
      Array.from({ length: ranks }, (_, rank) => ({ rank, size: ranks, sent: ranks > 1, wrong: [] })),
    );
    for (const { library } of found)
      expect(library).toEqual(ranks === 1 ? null : expect.stringContaining(launcher.name));
    expect(ended.code).toBe(0);
  });
});
