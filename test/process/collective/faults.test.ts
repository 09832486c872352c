import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';
import { describeLaunchers, type Launcher, launchers, linesOfRanks, runRanks } from '../../fixtures/mpirun.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const script = fileURLToPath(new URL('faults.mjs', import.meta.url));
const folder = temporaryFolder();

/** What the ranks of a case found, and how the launcher ended. */
async function run(launcher: Launcher, scenario: string, env: Readonly<Record<string, string>> = {}) {
  const path = join(folder, `${launcher.command}-${scenario}`);
  const ended = await runRanks(launcher, 2, script, [scenario, path], { env });
  return { ...ended, found: linesOfRanks<{ rank: number; found: unknown[] }>(ended).map(({ found }) => found) };
}

const closed = 'ERR_COLLECTIVE: The group of ranks has ended: rank 1 closed it';
const disagreement =
  'ERR_COLLECTIVE: The ranks do not agree on call 1: rank 0 allReduce of 404 bytes, rank 1 allReduce of 400 bytes. All ranks must make the same calls in the same order';
const late =
  'ERR_COLLECTIVE: allReduce of 404 bytes has not ended within 50 ms: another rank is late, stopped or gone, or the connection to it is';
const ownCancelled = 'ERR_COLLECTIVE: The group of ranks has ended: a call of this rank was cancelled';
const otherGaveUp = (why: string) => `ERR_COLLECTIVE: The group of ranks has ended: rank 1 gave up, since ${why}`;

describeLaunchers('a group', (launcher) => {
  const isMpich = launcher.name === 'MPICH';
  // The cases of which npm test takes one launcher each; the others run with the full product.
  const byMpich = test.runIf(fullProduct || isMpich);
  const byOpenMpi = test.runIf(fullProduct || !isMpich);
  const byBoth = test.runIf(fullProduct);

  byOpenMpi('fails on all ranks where they do not make the same call, and is closed in order', async () => {
    const { found, code, stderr } = await run(launcher, 'mismatch');
    expect(found, stderr).toEqual([
      [disagreement, disagreement],
      [disagreement, disagreement],
    ]);
    expect(code).toBe(0);
  });

  byBoth('fails where another rank has closed it', async () => {
    const { found, code, stderr } = await run(launcher, 'closed');
    expect(found, stderr).toEqual([[closed, closed], []]);
    expect(code).toBe(0);
  });

  byBoth('ends on all ranks when one cancels a call', async () => {
    const { found, code, stderr } = await run(launcher, 'cancelled');
    expect(found, stderr).toEqual([[otherGaveUp('a call was cancelled there')], ['enough', ownCancelled]]);
    expect(code).toBe(0);
  });

  byMpich('does not wait longer than the deadline for a rank', async () => {
    const { found, code, stderr } = await run(launcher, 'late');
    const [[first, second], own] = found as [[string, string], string[]];
    expect(own, stderr).toEqual([late, late]);
    // The rank that gave up takes part in the call that it had begun.
    expect(first, stderr).toBe('ended');
    expect(second, stderr).toBe(otherGaveUp('a call did not end there in its time'));
    expect(code).toBe(0);
  });

  byBoth('ends with all ranks when one is killed', async () => {
    const { found, code } = await run(launcher, 'killed');
    expect(found).toEqual([]);
    expect(code).not.toBe(0);
  });

  byBoth('lets a rank that gave up close and end while another is stopped', async () => {
    const { found, code, stderr } = await run(launcher, 'stopped');
    expect(found, stderr).toEqual([[expect.stringContaining('barrier has not ended within 50 ms')]]);
    expect(code).not.toBe(0);
  });

  byBoth('ends all ranks by abort, with its exit code', async () => {
    const { found, code } = await run(launcher, 'aborted');
    expect(found).toEqual([]);
    expect(code).toBe(42);
  });

  byMpich('leaves no variables and descriptors to the processes that a rank starts', async () => {
    const { found, code, stderr } = await run(launcher, 'children');
    expect(found, stderr).toEqual([
      [[], [], 'ended'],
      [[], [], 'ended'],
    ]);
    expect(code).toBe(0);
  });

  const other = launchers.find(({ name }) => name !== launcher.name)!;
  const foreign = isMpich ? 'libmpi.so.40' : 'libmpich.so.12';
  test.runIf(fullProduct && other.absent === null)("refuses a library that is not the launcher's", async () => {
    const { found, code, stderr } = await run(launcher, 'mismatch', { MAYFLY_MPI: foreign });
    const refusal = (rank: number) =>
      expect.stringMatching(
        `^ERR_COLLECTIVE: Cannot join the ranks: the launcher \\(${launcher.name}\\) calls this process rank ${rank} of 2, ${other.name} .* rank 0 of 1\\.`,
      );
    for (const [rank, texts] of found.entries()) expect(texts, stderr).toEqual([refusal(rank)]);
    expect(found.length).toBeGreaterThan(0);
    expect(code).not.toBe(0);
  });
});
