import { createPool } from '@mayfly/core';
import { expect, test } from 'vitest';
import { type AneStep, onEachRuntime, useRuntime } from '../../fixtures/ane-emulator.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';
import { BYTES, N, twoProgramRunner } from '../../fixtures/two-programs.js';

const run = twoProgramRunner();
const folder = temporaryFolder();

const made = { freshColumns: N, generation: 0, outputGeneration: 5 };
const unchanged = { freshColumns: 0, generation: 5 };

// An engine reads what it needs from where it is, and the arena stays what counts.
onEachRuntime((tier, runtime) => {
  useRuntime(tier, runtime, folder);

  const results = (steps: readonly AneStep[], env: Record<string, string> = {}) => run(runtime, steps, env);

  test('an output is read in place under its generation, and only then', async () => {
    const { values, stderr } = await results([
      // The arena gets another value, against the promise: it shows whether it is read.
      ['chain', { program: 0, x: 1, to: 'OUTPUT', reuse: made, change: 100 }],
      ['chain', { program: 1, from: 'OUTPUT', to: 'SECOND', reuse: unchanged }],
      ['chain', { program: 1, from: 'OUTPUT', to: 'SECOND', reuse: { ...unchanged, generation: 6 } }],
      // The surface gets other contents.
      ['chain', { program: 0, x: 7, to: 'THIRD', reuse: { freshColumns: N, generation: 0 } }],
      ['chain', { program: 1, from: 'OUTPUT', to: 'SECOND', reuse: unchanged }],
      // A program does not read its own output.
      ['chain', { program: 0, x: 1, to: 'OUTPUT', reuse: { ...made, outputGeneration: 8 }, change: 10 }],
      ['chain', { program: 0, from: 'OUTPUT', to: 'SECOND', reuse: { ...unchanged, generation: 8 } }],
    ]);
    expect(stderr).toBe('');
    expect(values).toEqual([
      { y: 2, copiedIn: BYTES },
      { y: 6, copiedIn: 0 },
      { y: 300, copiedIn: BYTES },
      { y: 14, copiedIn: BYTES },
      { y: 300, copiedIn: BYTES },
      { y: 2, copiedIn: BYTES },
      { y: 20, copiedIn: BYTES },
    ]);
  });

  test('an output of a program that was unloaded meanwhile is read from the arena', async () => {
    const { values } = await results([
      ['chain', { program: 0, x: 1, to: 'OUTPUT', reuse: made }],
      ['unload', { program: 0 }],
      ['chain', { program: 1, from: 'OUTPUT', to: 'SECOND', reuse: unchanged }],
    ]);
    expect(values[2]).toEqual({ y: 6, copiedIn: BYTES });
  });

  test('programs with the same input share its copy, but for their parts of it', async () => {
    const half = { at: 0, fromStride: BYTES, rows: 1, rowBytes: BYTES / 2 };
    const own = { freshColumns: N / 2, generation: 3, parts: [{ ...half, of: 'INPUT' }] };
    const { values } = await results([
      ['chain', { program: 0, x: 1, reuse: own }],
      ['chain', { program: 1, reuse: own }],
      // The first columns come from elsewhere.
      ['chain', { program: 2, from: 'OTHER', to: 'THIRD', x: 5, reuse: made }],
      ['chain', { program: 1, reuse: { ...own, parts: [{ ...half, of: 'OTHER' }] } }],
    ]);
    expect(values.slice(0, 2)).toEqual([
      { y: 2, copiedIn: BYTES },
      { y: 3, copiedIn: BYTES / 2 },
    ]);
    expect(values[3]).toEqual({ y: 15, copiedIn: BYTES / 2 });
  });

  test.each([
    [
      'an engine that refuses surfaces of other programs',
      { MAYFLY_EMULATOR_SURFACES: 'unshared' },
      /surfaces of their own/,
    ],
    ['a user who forbids it', { MAYFLY_ANE_SURFACES: 'own' }, /^$/],
  ])('nothing is shared with %s', async (_name, env, line) => {
    const { values, stderr } = await results(
      [
        ['chain', { program: 0, x: 1, to: 'OUTPUT', reuse: made }],
        ['chain', { program: 1, from: 'OUTPUT', to: 'SECOND', reuse: unchanged }],
      ],
      env,
    );
    expect(stderr).toMatch(line);
    expect(values).toEqual([
      { y: 2, copiedIn: BYTES },
      { y: 6, copiedIn: BYTES },
    ]);
  });

  test('a worker dies between two programs, one of which reads what the other put out', async () => {
    await using pool = await createPool({ device: 'ane', workers: 1, standby: 0 });
    const [double, triple] = await Promise.all([2, 3].map((factor) => pool.compile({ text: scaleProgram(N, factor) })));
    const tensor = () => pool.arena.tensor('fp32', [1, N]);
    const [x, y, z] = [tensor(), tensor(), tensor()];
    for (const [turn, between] of (['nothing', 'death', 'change', 'nothing'] as const).entries()) {
      const generation = 10 + turn;
      x.array().fill(turn + 1);
      await double!.run(x, y, {
        reuse: { freshColumns: N, generation: 0, outputGeneration: generation },
      });
      if (between === 'death') {
        const exited = new Promise((resolve) => pool.once('workerExit', resolve));
        process.kill(pool.stats().workers.find(({ state }) => state === 'serving')!.pid, 'SIGKILL');
        await exited;
      }
      if (between === 'change') y.array().fill(100);
      const reuse = between === 'change' ? undefined : { freshColumns: 0, generation };
      await triple!.run(y, z, { reuse });
      expect([...z.array()]).toEqual(Array(N).fill(between === 'change' ? 300 : 6 * (turn + 1)));
    }
  });
});

test('a device that computes in place gets parts that lie elsewhere, too', async () => {
  await using pool = await createPool({ device: 'cpu', workers: 1, standby: 0 });
  const kernel = await pool.compile({ text: scaleProgram(N, 2) });
  const [x, y, other] = [1, 2, 3].map(() => pool.arena.tensor('fp32', [1, N]));
  x!.array().fill(1);
  other!.array().fill(5);
  const part = { from: other!.offset, fromStride: BYTES, at: 0, rows: 1, rowBytes: BYTES / 2 };
  await kernel.run(x!, y!, { reuse: { freshColumns: N / 2, generation: 1, parts: [part] } });
  expect([y!.array()[0], y!.array()[N - 1]]).toEqual([10, 2]);
  const broken = kernel.run(x!, y!, { reuse: { freshColumns: 1, generation: 1, parts: [{ ...part, at: BYTES }] } });
  await expect(broken).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});
