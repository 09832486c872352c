import { expect, test } from 'vitest';
import { type AneStep, aneRunner, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { addWeightProgram, weightBlob } from '../../fixtures/programs.js';

const N = 64;
const run = aneRunner();
const add = (value: number): AneStep => [
  'compile',
  { text: addWeightProgram(N), weight: [...weightBlob(Array(N).fill(value))] },
];
const evaluate = (program: number): AneStep => ['evaluate', { program, x: 1 }];
const unload = (program: number): AneStep => ['unload', { program }];
const none = { models: 0, loaded: 0, surfaces: 0 };
/** Programs that the canary compiles: one to find the dialect, one to reload. */
const CANARIES = 2;

// MAYFLY_ANE_RELOAD: new weights for a program that was unloaded, without a compilation.
onEachRuntime((_, runtime) => {
  const updates = async (reload: string, steps: readonly AneStep[] = fourVersions) => {
    const env = { MAYFLY_ANE_RELOAD: 'on', MAYFLY_EMULATOR_RELOAD: reload };
    const result = await run(runtime, [['open'], ...steps, ['stats'], ['close']], env);
    expect({ exitCode: result.exitCode, left: result.left, live: result.report?.live }).toEqual({
      exitCode: 0,
      left: [],
      live: none,
    });
    return {
      ...result,
      values: result.results.flatMap((step) => (step.evaluate as number[] | undefined) ?? []),
      counted: result.results.find((step) => step.stats !== undefined)?.stats,
    };
  };
  // As a kernel updates: the next version is compiled while the last one still serves.
  const fourVersions = [
    ...[add(1), evaluate(0), add(2), evaluate(0), unload(0), evaluate(1)],
    ...[add(3), unload(1), evaluate(2), add(4), unload(2), evaluate(3)],
  ];

  test('where new weights are in effect, two programs take turns', async () => {
    const { values, report, counted, stderr } = await updates('files');
    expect(values).toEqual([2, 2, 3, 4, 5]);
    expect(report?.compilations).toBe(CANARIES + 2);
    expect(counted).toMatchObject({ compilations: 2, livePrograms: 1 });
    expect(stderr).toBe('');
  });

  test('where they are not, the canary says so and every version is compiled', async () => {
    const { values, report, counted, stderr } = await updates('stale');
    expect(values).toEqual([2, 2, 3, 4, 5]);
    // The canary compiled its second version, too.
    expect(report?.compilations).toBe(CANARIES + 1 + 4);
    expect(counted).toMatchObject({ compilations: 4 });
    expect(stderr).toMatch(
      /^mayfly: weights are compiled, not reloaded: a canary gave the same result after a reload\n$/,
    );
  });

  test('where the canary passes but a program keeps its weights, that shows in its results', async () => {
    const { values, report, stderr } = await updates('first');
    expect(values).toEqual([2, 2, 3, 4, 5]);
    expect(report?.compilations).toBe(CANARIES + 4);
    expect(stderr).toMatch(/^mayfly: .*a program gave the same results with other weights\n$/);
  });

  test('programs of the same content are reloaded apart', async () => {
    // Two of version 1: the first is parked and gets version 2, then the second version 1 again.
    const steps = [add(1), add(1), unload(0), add(2), evaluate(1), evaluate(2), unload(1), add(1), evaluate(3)];
    const { values, report } = await updates('files', steps);
    expect(values).toEqual([2, 3, 2]);
    expect(report?.compilations).toBe(CANARIES + 2);
  });

  test('a program of the content that a reloaded one was compiled from gets that content', async () => {
    const steps = [add(1), unload(0), add(2), add(1), evaluate(1), evaluate(2)];
    const { values, report } = await updates('files', steps);
    expect(values).toEqual([3, 2]);
    expect(report?.compilations).toBe(CANARIES + 2);
  });

  test('equal weights do not count as stale ones', async () => {
    const { values, report } = await updates('files', [add(1), unload(0), add(1), evaluate(1)]);
    expect(values).toEqual([2]);
    expect(report?.compilations).toBe(CANARIES + 1);
  });

  test('where a program does not load again, it is compiled, and so are all that follow', async () => {
    // Loads: the canaries' three, the first version, then twice the second.
    const result = await run(
      runtime,
      [['open'], add(1), unload(0), add(2), evaluate(1), unload(1), add(3), evaluate(2), ['close']],
      {
        MAYFLY_ANE_RELOAD: 'on',
        MAYFLY_EMULATOR_RELOAD: 'files',
        MAYFLY_EMULATOR_FAULTS: 'load@5=error:0x20004,load@6=error:0x20004',
      },
    );
    expect(result.results[4]).toEqual({ evaluate: [3] });
    expect(result.results[7]).toEqual({ evaluate: [4] });
    expect(result.report).toMatchObject({ compilations: CANARIES + 3, live: none });
    expect(result.stderr).toMatch(/^mayfly: weights are compiled, not reloaded: Expected to load .*0x20004.*\n$/);
  });
});
