import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AneStep, aneRunner, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { scaleProgram } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const N = 64;
const run = aneRunner();
const root = temporaryFolder();
const compile: AneStep = ['compile', { text: scaleProgram(N, 3) }];
const evaluate: AneStep = ['evaluate', { x: 2 }];
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

onEachRuntime((tier, runtime) => {
  test('direct evaluation is proved before it is used', async () => {
    const env = { MAYFLY_ANE_EVALUATE: 'direct' };
    const method = '-[_ANEClient doEvaluateDirectWithModel:options:request:qos:error:]';
    const steps: AneStep[] = [['open'], compile, evaluate, ['close']];
    const works = await run(runtime, steps, env);
    expect(works.results[2]).toEqual({ evaluate: [6] });
    expect({ stderr: works.stderr, left: works.left }).toEqual({ stderr: '', left: [] });
    expect(Object.values(works.report?.live ?? { none: 1 }).every((count) => count === 0)).toBe(true);
    const wrong = await run(runtime, [['open']], { ...env, MAYFLY_EMULATOR_FAULTS: 'evaluate@1=zeros' });
    expect(wrong.results[0]).toEqual({
      open: coded('ERR_ANE_PATH', 'Expected 6 of the canary with direct evaluation, got 0'),
    });
    const missing = await run(runtime, [['open']], { ...env, MAYFLY_EMULATOR_MISSING: method });
    expect(missing.results[0]).toEqual({ open: coded('ERR_ANE_PATH', method) });
  });

  test('settings that do not exist are refused', async () => {
    for (const name of ['API', 'EVALUATE', 'DIALECT', 'RELOAD', 'QOS'].map((end) => `MAYFLY_ANE_${end}`)) {
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
      'weights of equal programs': 'told apart',
      'several weight files': 'work',
      'several inputs and outputs': 'as the program lists them',
      'more than two outputs': 'work',
      'API client': 'works',
      'direct evaluation': 'works',
      'surfaces that programs share': 'work',
      'surfaces copied beside evaluations': 'work',
      'reload of weight files': 'no effect',
    });
    expect(
      await found({
        MAYFLY_EMULATOR_DIALECT: 'ios16',
        MAYFLY_EMULATOR_PORTS: 'single',
        MAYFLY_EMULATOR_BUNDLE: 'single',
        MAYFLY_EMULATOR_IDENTITY: 'text',
        MAYFLY_EMULATOR_UNLOAD: 'keep',
        MAYFLY_EMULATOR_RELOAD: 'files',
        MAYFLY_EMULATOR_MISSING: '_ANEClient',
      }),
    ).toEqual({
      dialect: 'ios16',
      'round trip': 'works',
      'weights of equal programs': 'told apart',
      'several weight files': expect.stringMatching(/^ERR_ANE_REFUSED.*verifyBundleAtPath.*only one weight file/),
      'several inputs and outputs': expect.stringMatching(/^ERR_ANE_PORTS.*0x1d/),
      'more than two outputs': expect.stringMatching(/^ERR_ANE_PORTS.*0x1d/),
      'API client': expect.stringMatching(/^ERR_ANE_PATH.*class _ANEClient/),
      'direct evaluation': expect.stringMatching(/^ERR_ANE_PATH.*class _ANEClient/),
      'surfaces that programs share': 'work',
      'surfaces copied beside evaluations': 'work',
      'reload of weight files': 'works',
    });
    const silent = { MAYFLY_EMULATOR_ATTRIBUTES: 'none', MAYFLY_EMULATOR_OUTPUTS: '2' };
    expect(await found(silent)).toMatchObject({
      'several inputs and outputs': 'inputs alphabetical, outputs alphabetical',
      'more than two outputs': expect.stringMatching(/^ERR_ANE_PORTS.*expected 3, 9, 18, got 3, 9, 0|got 0, 9, 18/),
    });
  });

  test("the runtime's own temporary directory need not be that of the environment", async () => {
    const steps: AneStep[] = [['open'], compile, evaluate, ['close']];
    const result = await run(runtime, steps, { MAYFLY_EMULATOR_TEMPORARY: '', TMPDIR: '/nonexistent' });
    expect(result.results[2]).toEqual({ evaluate: [6] });
    expect(result.stderr).toBe('');
  });
});
