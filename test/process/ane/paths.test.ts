import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AneStep, aneRunner, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { addWeightProgram, scaleProgram, weightBlob } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const N = 64;
const run = aneRunner();
const root = temporaryFolder();
const compile: AneStep = ['compile', { text: scaleProgram(N, 3) }];
const withWeight: AneStep = ['compile', { text: addWeightProgram(N), weight: [...weightBlob(Array(N).fill(7))] }];
const evaluate: AneStep = ['evaluate', { x: 2 }];
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

onEachRuntime((tier, runtime) => {
  test.each([
    ['direct', '-[_ANEClient doEvaluateDirectWithModel:options:request:qos:error:]'],
    ['real-time', '-[_ANEClient evaluateRealTimeWithModel:options:request:error:]'],
  ])('evaluation path %s is proved before it is used', async (path, method) => {
    const env = { MAYFLY_ANE_EVALUATE: path };
    const steps: AneStep[] = [['open'], compile, evaluate, ['close']];
    const works = await run(runtime, steps, env);
    expect(works.results[2]).toEqual({ evaluate: [6] });
    expect({ stderr: works.stderr, left: works.left }).toEqual({ stderr: '', left: [] });
    expect(Object.values(works.report?.live ?? { none: 1 }).every((count) => count === 0)).toBe(true);
    const wrong = await run(runtime, [['open']], { ...env, MAYFLY_EMULATOR_FAULTS: 'evaluate@1=zeros' });
    expect(wrong.results[0]).toEqual({
      open: coded('ERR_ANE_PATH', `Expected 6 of the canary on evaluation path ${path}, got 0`),
    });
    const missing = await run(runtime, [['open']], { ...env, MAYFLY_EMULATOR_MISSING: method });
    expect(missing.results[0]).toEqual({ open: coded('ERR_ANE_PATH', method) });
  });

  test('settings that do not exist are refused', async () => {
    for (const name of ['EVALUATE', 'DIALECT', 'RELOAD', 'STATISTICS', 'QOS'].map((end) => `MAYFLY_ANE_${end}`)) {
      const result = await run(runtime, [['open']], { [name]: 'fast' });
      expect(result.results[0]).toEqual({ open: coded('ERR_INVALID_ARGUMENT', name) });
    }
  });

  test.each([
    ['', 'ios18', 1],
    ['ios18', 'ios18', 1],
    ['ios16', 'ios16', 2],
  ])('a canary finds the dialect of a chip that takes %s', async (accepted, dialect, compilations) => {
    const result = await run(runtime, [['dialect']], { MAYFLY_EMULATOR_DIALECT: accepted });
    expect(result.results[0]).toEqual({ dialect });
    expect(result.report?.compilations).toBe(compilations);
    const forced = await run(runtime, [['dialect']], { MAYFLY_ANE_DIALECT: 'ios16' });
    expect(forced.results[0]).toEqual({ dialect: 'ios16' });
    expect(forced.report?.compilations).toBe(0);
  });

  test('a folder of compiled programs spares the next process its compilations', async () => {
    const cache = join(root, `cache-${tier}`);
    const env = { MAYFLY_ANE_CACHE: cache };
    const steps: AneStep[] = [['open'], compile, withWeight, evaluate, ['evaluate', { program: 1, x: 2 }], ['close']];
    const first = await run(runtime, steps, env);
    expect(first.report).toMatchObject({ compilations: 2, loads: 2 });
    const [system = ''] = readdirSync(cache);
    expect(readdirSync(join(cache, system))).toHaveLength(2);
    const second = await run(runtime, steps, env);
    expect(second.report).toMatchObject({ compilations: 0, loads: 2 });
    expect(second.results.slice(3, 5)).toEqual([{ evaluate: [6] }, { evaluate: [9] }]);
    expect({ stderr: second.stderr, left: second.left }).toEqual({ stderr: '', left: [] });
    // A kept program that does not load any more is compiled again.
    const third = await run(runtime, [['open'], compile, evaluate, ['close']], {
      ...env,
      MAYFLY_EMULATOR_FAULTS: 'load@1=error:0x20004,load@2=error:0x20004',
    });
    expect(third.report).toMatchObject({ compilations: 1, loads: 3 });
    expect(third.results[2]).toEqual({ evaluate: [6] });
    // A cache that holds rubbish is no cache.
    for (const name of readdirSync(join(cache, system)))
      writeFileSync(join(cache, system, name, 'net.plist'), 'rubbish');
    const fourth = await run(runtime, [['open'], compile, evaluate, ['close']], env);
    expect(fourth.report).toMatchObject({ compilations: 1 });
    expect(fourth.results[2]).toEqual({ evaluate: [6] });
    // Nor is what another chip compiled.
    const fifth = await run(runtime, [['open'], withWeight, ['close']], { ...env, MAYFLY_EMULATOR_CHIP: 'h17' });
    expect(fifth.report).toMatchObject({ compilations: 1 });
    // One that cannot be written is told, and the program runs.
    writeFileSync(join(root, `file-${tier}`), '');
    const unwritable = { MAYFLY_ANE_CACHE: join(root, `file-${tier}`) };
    const sixth = await run(runtime, [['open'], compile, evaluate, ['close']], unwritable);
    expect(sixth.results[2]).toEqual({ evaluate: [6] });
    expect(sixth.stderr).toMatch(/^mayfly: Expected to keep a compiled program in .*: Not a directory\n$/);
  });

  test('the canaries report their results', async () => {
    const found = async (env: Record<string, string>) => {
      const folder = join(root, `canaries-${tier}-${Object.keys(env).length}`);
      mkdirSync(folder);
      const result = await run(runtime, [['canaries']], env, folder);
      expect({ stderr: result.stderr, left: result.left }).toEqual({ stderr: '', left: [] });
      const canaries = result.results[0]?.canaries as { name: string; outcome: string }[];
      return Object.fromEntries(canaries.map(({ name, outcome }) => [name, outcome]));
    };
    expect(await found({})).toEqual({
      dialect: 'ios18',
      'round trip': 'works',
      'several inputs and outputs': 'inputs alphabetical, outputs alphabetical',
      'evaluation path direct': 'works',
      'evaluation path real-time': 'works',
      'reuse of compiled programs': 'works',
      'reload of weight files': 'no effect',
      'hardware execution time': expect.stringMatching(/^ERR_ANE_STATISTICS.* got 18 and 0$/),
    });
    expect(
      await found({
        MAYFLY_EMULATOR_DIALECT: 'ios16',
        MAYFLY_EMULATOR_PORTS: 'single',
        MAYFLY_EMULATOR_RELOAD: 'files',
        MAYFLY_EMULATOR_STATISTICS: 'told',
        MAYFLY_EMULATOR_MISSING: '_ANEClient,-[_ANEInMemoryModel compiledModelExists]',
      }),
    ).toEqual({
      dialect: 'ios16',
      'round trip': 'works',
      'several inputs and outputs': expect.stringMatching(/^ERR_ANE_PORTS.*0x1d/),
      'evaluation path direct': expect.stringMatching(/^ERR_ANE_PATH.*class _ANEClient/),
      'evaluation path real-time': expect.stringMatching(/^ERR_ANE_PATH.*class _ANEClient/),
      'reuse of compiled programs': expect.stringMatching(/^ERR_ANE_SELECTOR.*compiledModelExists/),
      'reload of weight files': 'works',
      'hardware execution time': expect.stringMatching(/^\d+ ns$/),
    });
  });

  test("the runtime's own temporary directory need not be that of the environment", async () => {
    const steps: AneStep[] = [['open'], compile, evaluate, ['close']];
    const result = await run(runtime, steps, { MAYFLY_EMULATOR_TEMPORARY: '', TMPDIR: '/nonexistent' });
    expect(result.results[2]).toEqual({ evaluate: [6] });
    expect(result.stderr).toBe('');
  });
});
