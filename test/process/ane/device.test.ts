import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AneRun, type AneStep, aneRunner, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { addWeightProgram, scaleProgram, sumAndDifferenceProgram, weightBlob } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const N = 64;
const run = aneRunner();
const root = temporaryFolder();
const scale = (factor: number): AneStep => ['compile', { text: scaleProgram(N, factor) }];
const addWeight = (value: number): AneStep => [
  'compile',
  { text: addWeightProgram(N), weight: [...weightBlob(Array(N).fill(value))] },
];
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });
const none = { models: 0, loaded: 0, surfaces: 0 };

/** Nothing on stderr, every object released, every directory removed. */
function expectClean({ stderr, report, exitCode, left }: AneRun) {
  expect({ stderr, exitCode, left, live: report?.live }).toEqual({ stderr: '', exitCode: 0, left: [], live: none });
}

onEachRuntime((tier, runtime) => {
  const ane = (steps: readonly AneStep[], env?: Record<string, string>, folder?: string) =>
    run(runtime, [['open'], ...steps], env, folder);

  test('compile, evaluate, unload, in that order and without a trace', async () => {
    const result = await ane([
      scale(3),
      ['evaluate', { x: 2 }],
      addWeight(10),
      ['evaluate', { program: 1, x: 4 }],
      ['unload', { program: 0 }],
      ['evaluate', { program: 1, x: 5 }],
      ['directories'],
      ['close'],
    ]);
    expect(result.results.slice(1)).toEqual([
      { compile: { inputs: ['x'], outputs: ['y'] } },
      { evaluate: [6] },
      { compile: { inputs: ['x'], outputs: ['y'] } },
      { evaluate: [14] },
      { unload: null },
      { evaluate: [15] },
      { directories: [expect.stringMatching(/^[0-9A-F_]+$/)] },
      { close: null },
    ]);
    expect(result.report).toMatchObject({ compilations: 2, loads: 2, evaluations: 3, unloads: 2 });
    // One lock to write and one to read an evaluation: each costs 20 to 50 µs on the chip.
    expect(result.report?.locks).toBe(6);
    expectClean(result);
  });

  test('a device that is dropped with programs loaded unloads them', async () => {
    expectClean(await ane([scale(2), addWeight(1), ['close']]));
  });

  test('a mistake in the text costs no compilation', async () => {
    const result = await ane([
      ['compile', { text: 'program(1.3)' }],
      ['compile', { text: addWeightProgram(N) }],
      ['close'],
    ]);
    expect(result.results.slice(1, 3)).toEqual([
      { compile: coded('ERR_MIL_SYNTAX') },
      { compile: coded('ERR_WEIGHT_BLOB') },
    ]);
    expect(result.report?.compilations).toBe(0);
    expectClean(result);
  });

  test.each([
    ['alphabetical', 'told by the program', '', 2],
    ['declared', 'told by the program', '', 2],
    // Dialect, ports, and the program twice: the canaries ran once.
    ['alphabetical', 'found by a canary', 'none', 4],
    ['declared', 'found by a canary', 'none', 4],
  ])('several ports, bound in %s order, %s', async (order, _how, attributes, compilations) => {
    const text = sumAndDifferenceProgram(N);
    const pair: AneStep = ['evaluate', { x: 5, x2: 3, outputs: 2 }];
    const result = await ane([['compile', { text }], pair, ['unload'], ['compile', { text }], ['close']], {
      MAYFLY_EMULATOR_PORTS: order,
      MAYFLY_EMULATOR_ATTRIBUTES: attributes,
    });
    expect(result.results[2]).toEqual({ evaluate: [8, 2] });
    expect(result.report?.compilations).toBe(compilations);
    expectClean(result);
  });

  test('several ports where the engine refuses them', async () => {
    const compile: AneStep = ['compile', { text: sumAndDifferenceProgram(N) }];
    const single = { MAYFLY_EMULATOR_PORTS: 'single' };
    const told = await ane([compile, ['evaluate', { x: 5, x2: 3, outputs: 2 }], ['close']], single);
    expect(told.results[2]).toEqual({ evaluate: coded('ERR_ANE_EVALUATE', '0x1d') });
    expectClean(told);
    const asked = await ane([compile, ['close']], { ...single, MAYFLY_EMULATOR_ATTRIBUTES: 'none' });
    expect(asked.results[1]).toEqual({ compile: coded('ERR_ANE_PORTS', '0x1d') });
    expectClean(asked);
  });

  test.each(['', 'none'])('a third output is proved by a canary (attributes: %s)', async (attributes) => {
    const env = { MAYFLY_EMULATOR_ATTRIBUTES: attributes };
    const steps: AneStep[] = [
      ['compile', { text: sumAndDifferenceProgram(N, 3) }],
      ['evaluate', { x: 5, x2: 3, outputs: 3 }],
      ['close'],
    ];
    const right = await ane(steps, env);
    expect(right.results[2]).toEqual({ evaluate: [8, 2, 15] });
    expectClean(right);
    const wrong = await ane(steps, { ...env, MAYFLY_EMULATOR_OUTPUTS: '2' });
    expect(wrong.results[1]).toEqual({ compile: coded('ERR_ANE_PORTS', 'at most two outputs') });
    expectClean(wrong);
    const two = await ane([['compile', { text: sumAndDifferenceProgram(N) }], ['close']], {
      ...env,
      MAYFLY_EMULATOR_OUTPUTS: '2',
    });
    expect(two.results[1]).toEqual({ compile: { inputs: ['a', 'b'], outputs: ['sum', 'difference'] } });
  });

  test('the compiler gives out after 119 compilations', async () => {
    const texts = Array.from({ length: 121 }, (_, i) => scaleProgram(N, i + 1));
    const result = await ane([['compileMany', { texts }], ['close']]);
    const refused = result.results[1]?.compileMany;
    expect(refused).toEqual(coded('ERR_DEVICE_LIMIT', 'compilation 120 of this process'));
    expect(refused).toMatchObject({ limit: 'compilations' });
    expect(result.report).toMatchObject({ compilations: 120, loads: 119, unloads: 119 });
    expectClean(result);
  });

  test('no program slot is left', async () => {
    const texts = Array.from({ length: 4 }, (_, i) => scaleProgram(N, i + 1));
    const result = await ane([['compileMany', { texts, keep: true }], ['close']], { MAYFLY_EMULATOR_LIVE_LIMIT: '3' });
    const refused = result.results[1]?.compileMany;
    expect(refused).toEqual(coded('ERR_DEVICE_LIMIT', '0x50004'));
    expect(refused).toMatchObject({ limit: 'livePrograms' });
    expectClean(result);
  });

  test.each(['keep', 'remove'])('programs of the same content share a directory: unload %ss it', async (unload) => {
    const steps: AneStep[] = [
      addWeight(1),
      addWeight(1),
      ['unload', { program: 0 }],
      ['directories'],
      ['evaluate', { program: 1, x: 1 }],
      ['unload', { program: 1 }],
      ['directories'],
      ['close'],
    ];
    const result = await ane(steps, { MAYFLY_EMULATOR_UNLOAD: unload });
    expect(result.results[4]).toEqual({ directories: unload === 'keep' ? [expect.any(String)] : [] });
    expect(result.results[5]).toEqual({ evaluate: [2] });
    expect(result.results[7]).toEqual({ directories: [] });
    expectClean(result);
  });

  test('no process removes the directory that another compiles the same program from', async () => {
    const folder = join(root, `same-${tier}`);
    mkdirSync(folder);
    const again = Array.from({ length: 8 }, () => [addWeight(1), ['unload', { last: true }]] as const).flat();
    const env = { MAYFLY_EMULATOR_COMPILE_MS: '20' };
    const runs = await Promise.all([1, 2, 3].map(() => ane([...again, ['close']], env, folder)));
    for (const { results, stderr } of runs) {
      const refused = results.filter(({ compile }) => (compile as { code?: string } | undefined)?.code !== undefined);
      expect({ refused, stderr }).toEqual({ refused: [], stderr: '' });
    }
    expect(readdirSync(folder)).toEqual(['.mayfly-ane.lock']);
  });

  test('programs with equal texts keep their own weights where the system knows programs by their text', async () => {
    const evaluate = (program: number): AneStep => ['evaluate', { program, x: 1 }];
    const steps = [addWeight(1), addWeight(2), evaluate(0), evaluate(1), ['unload', { program: 0 }], evaluate(1)];
    const result = await ane([...(steps as AneStep[]), ['close']], { MAYFLY_EMULATOR_IDENTITY: 'text' });
    expect(result.results.flatMap(({ evaluate: got }) => got ?? [])).toEqual([2, 3, 3]);
    expectClean(result);
  });

  test('the next process removes the directories of a killed one, and none in use', async () => {
    const folder = join(root, `killed-${tier}`);
    mkdirSync(folder);
    const killed = await ane([addWeight(1), scale(2), ['die']], {}, folder);
    expect(killed.signal).toBe('SIGKILL');
    expect(killed.left).toHaveLength(2);
    const successor = await ane([['directories'], addWeight(1), ['evaluate', { x: 1 }], ['close']], {}, folder);
    expect(successor.results[1]).toEqual({ directories: [] });
    expect(successor.results[3]).toEqual({ evaluate: [2] });
    expectClean(successor);
  });

  test('columns that a caller promises to be the same are not copied again', async () => {
    const text = scaleProgram(N, 2);
    const fresh = (value: number, generation: number): AneStep => [
      'evaluateFresh',
      { rows: Array(N).fill(value), fresh: 16, generation },
    ];
    const result = await ane([
      ['compile', { text }],
      fresh(1, 1),
      fresh(2, 1),
      fresh(3, 2),
      fresh(4, 0),
      fresh(5, 2),
      ['evaluateFresh', { rows: Array(N).fill(0), fresh: 65, generation: 1 }],
      ['close'],
    ]);
    const rows = result.results.slice(2, 7).map(({ evaluateFresh }) => evaluateFresh as number[]);
    const columns = rows.map((row) => [row[0], row[15], row[16], row[63]]);
    expect(columns).toEqual([
      [2, 2, 2, 2],
      [4, 4, 2, 2],
      [6, 6, 6, 6],
      [8, 8, 8, 8],
      [10, 10, 6, 6],
    ]);
    expect(result.results[7]).toEqual({ evaluateFresh: coded('ERR_ARENA_BOUNDS', '64 fresh columns') });
    expectClean(result);
  });
});
