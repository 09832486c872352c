import { readdirSync } from 'node:fs';
import { createPool, type PoolOptions } from '@mayfly/core';
import { expect, test } from 'vitest';
import { onEachRuntime, useRuntime } from '../../fixtures/ane-emulator.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const N = 64;
const folder = temporaryFolder();

// What the engine does to a worker, its pool hides from callers.
onEachRuntime((tier, runtime) => {
  const { staged } = useRuntime(tier, runtime, folder);

  /** Three evaluations of y = 3 x, one after the other. */
  async function threeRuns(faults: string, options: PoolOptions = {}) {
    process.env.MAYFLY_EMULATOR_FAULTS = faults;
    await using pool = await createPool({ device: 'ane', standby: 0, ...options });
    const reasons: (string | null)[] = [];
    pool.on('workerExit', ({ reason }) => reasons.push(reason));
    const kernel = await pool.compile({ text: scaleProgram(N, 3) });
    const x = pool.arena.tensor('fp32', [1, N]);
    const y = pool.arena.tensor('fp32', [1, N]);
    const results: number[] = [];
    for (const value of [1, 2, 3]) {
      x.array().fill(value);
      await kernel.run(x, y);
      results.push(y.array()[N - 1]!);
    }
    expect(results).toEqual([3, 6, 9]);
    return { stats: pool.stats(), reasons };
  }

  test('an evaluation that hangs: the worker is killed, the work repeated', async () => {
    // The second evaluation of each process hangs.
    const { stats, reasons } = await threeRuns('evaluate@2=hang', { timeouts: { dispatchMs: 1000 } });
    expect(stats.deaths).toBeGreaterThanOrEqual(1);
    expect(reasons[0]).toBe('no answer to a dispatch in 1000 ms');
  });

  test('an evaluation that crashes', async () => {
    const { stats } = await threeRuns('evaluate@2=crash');
    expect(stats.deaths).toBeGreaterThanOrEqual(1);
  });

  test('an evaluation that fails, and a compilation', async () => {
    await threeRuns('evaluate@2=error:0x1d,compile@3=error:nil');
  });

  test('the last successor removes the directories of killed workers', async () => {
    await threeRuns('evaluate@3=crash');
    await threeRuns('');
    expect(readdirSync(staged).filter((name) => !name.startsWith('.'))).toEqual([]);
  });
});
