import { createPool } from '@mayfly/core';
import { expect, test } from 'vitest';
import { type AneStep, onEachRuntime, useRuntime } from '../../fixtures/ane-emulator.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { BYTES, N, twoProgramRunner } from '../../fixtures/two-programs.js';

const run = twoProgramRunner();
const folder = temporaryFolder();

/** The second half of the input is weights. */
const weights = { freshColumns: N / 2, generation: 5 };
const half = { at: 0, fromStride: BYTES, rows: 1, rowBytes: BYTES / 2 };

// What was copied before a run is what the run reads, however little of it was asked for, and however it failed.
onEachRuntime((tier, runtime) => {
  useRuntime(tier, runtime, folder);

  /** Without the steps that give nothing, the prefetches. */
  async function results(steps: readonly AneStep[], env: Record<string, string> = {}) {
    const { values, stderr } = await run(runtime, steps, env);
    return { values: values.filter((value) => value !== null), stderr };
  }

  test('a run copies only the columns that were not prefetched, for the first program that reads them', async () => {
    const { values, stderr } = await results([
      ['prefetch', { program: 0, x: 1, reuse: weights }],
      // Once more, for another program.
      ['prefetch', { program: 1, reuse: weights }],
      ['chain', { program: 0, reuse: weights }],
      ['chain', { program: 1, reuse: weights }],
    ]);
    expect(stderr).toBe('');
    expect(values).toEqual([
      { y: 2, copiedIn: BYTES / 2, prefetched: BYTES / 2 },
      { y: 3, copiedIn: BYTES / 2 },
    ]);
  });

  test('a run reads prefetched parts once, and no others', async () => {
    const parts = [{ ...half, of: 'OTHER' }];
    const { values } = await results([
      // Fills another area.
      ['chain', { program: 0, from: 'OTHER', x: 7, reuse: { freshColumns: N, generation: 0 } }],
      ['prefetch', { program: 1, reuse: { ...weights, parts } }],
      ['chain', { program: 1, reuse: { ...weights, parts } }],
      ['chain', { program: 1, reuse: { ...weights, parts } }],
      ['prefetch', { program: 1, reuse: { ...weights, parts } }],
      ['chain', { program: 1, x: 4, reuse: { ...weights, parts: [{ ...half, of: 'INPUT' }] } }],
      // Nothing is reused.
      ['prefetch', { program: 0, reuse: { freshColumns: N, generation: 0, parts } }],
      ['chain', { program: 0, reuse: { freshColumns: N, generation: 0, parts } }],
    ]);
    expect(values).toEqual([
      { y: 14, copiedIn: BYTES },
      { y: 21, copiedIn: 0, prefetched: BYTES },
      { y: 21, copiedIn: BYTES / 2 },
      { y: 12, copiedIn: BYTES / 2 },
      { y: 14, copiedIn: 0, prefetched: BYTES / 2 },
    ]);
  });

  test('a prefetch leaves what another run will read of the same surface', async () => {
    const none = { freshColumns: N, generation: 0 };
    const of = (place: string) => ({ ...none, parts: [{ ...half, rowBytes: BYTES, of: place }] });
    const { values } = await results([
      ['chain', { program: 1, from: 'OTHER', x: 7, reuse: none }],
      ['prefetch', { program: 0, reuse: of('OTHER') }],
      ['prefetch', { program: 0, x: 4, reuse: of('INPUT') }],
      ['chain', { program: 0, reuse: of('OTHER') }],
      ['chain', { program: 0, reuse: of('INPUT') }],
    ]);
    expect(values).toEqual([
      { y: 21, copiedIn: BYTES },
      { y: 14, copiedIn: 0, prefetched: BYTES },
      { y: 8, copiedIn: BYTES },
    ]);
  });

  test('what was prefetched under another generation is copied again', async () => {
    const { values } = await results([
      ['prefetch', { program: 0, x: 1, reuse: { freshColumns: 0, generation: 5 } }],
      ['chain', { program: 0, x: 9, reuse: { freshColumns: 0, generation: 6 } }],
    ]);
    expect(values).toEqual([{ y: 18, copiedIn: BYTES }]);
  });

  test('a program is unloaded, and the device closed, with copies under way', async () => {
    const { values } = await results([
      ['prefetch', { program: 0, x: 1, reuse: { freshColumns: 0, generation: 5 } }],
      ['unload', { program: 0 }],
      ['chain', { program: 1, from: 'OTHER', x: 2, reuse: { freshColumns: N, generation: 0 } }],
      ['prefetch', { program: 1, from: 'OTHER', reuse: { freshColumns: 0, generation: 7 } }],
    ]);
    expect(values).toEqual([{ y: 6, copiedIn: BYTES }]);
  });

  test.each([
    ['an engine that lets one thread lock surfaces', { MAYFLY_EMULATOR_LOCKS: 'evaluating' }, /prefetches no inputs: /],
    ['a user who forbids it', { MAYFLY_ANE_PREFETCH: 'off' }, /^$/],
    [
      'an engine that stops to allow it',
      { MAYFLY_ANE_PREFETCH: 'on', MAYFLY_ANE_SURFACES: 'shared', MAYFLY_EMULATOR_LOCKS: 'evaluating' },
      /prefetches no inputs from now on: /,
    ],
  ])('runs copy what they read with %s', async (_name, env, line) => {
    const { values, stderr } = await results(
      [
        ['chain', { program: 1, from: 'OTHER', x: 2, reuse: { freshColumns: N, generation: 0 } }],
        ['prefetch', { program: 0, x: 1, reuse: weights }],
        ['chain', { program: 0, reuse: weights }],
        ['prefetch', { program: 0, x: 5, reuse: { ...weights, generation: 6 } }],
        ['chain', { program: 0, reuse: { ...weights, generation: 6 } }],
      ],
      env,
    );
    expect(stderr).toMatch(line);
    expect(values.map((value) => (value as { y: number }).y)).toEqual([6, 2, 10]);
    expect(values.filter((value) => 'prefetched' in (value as object))).toEqual([]);
  });

  test('a worker dies between a prefetch and the run', async () => {
    await using pool = await createPool({ device: 'ane', workers: 1, standby: 0 });
    const kernel = await pool.compile({ text: scaleProgram(N, 2) });
    const [x, y] = [1, 2].map(() => pool.arena.tensor('fp32', [1, N]));
    for (const [turn, dies] of [false, true, false].entries()) {
      const reuse = { freshColumns: 0, generation: 10 + turn };
      x!.array().fill(turn + 1);
      kernel.prefetch(x!, reuse);
      if (dies) {
        const exited = new Promise((resolve) => pool.once('workerExit', resolve));
        process.kill(pool.stats().workers.find(({ state }) => state === 'serving')!.pid, 'SIGKILL');
        await exited;
      }
      const before = kernel.prefetchedBytes;
      await kernel.run(x!, y!, { reuse });
      expect([...y!.array()]).toEqual(Array(N).fill(2 * (turn + 1)));
      expect(kernel.prefetchedBytes - before).toBe(dies ? 0 : BYTES);
    }
    expect(() => kernel.prefetch(x!, { freshColumns: -1, generation: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    );
  });
});
