import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AneRun, type AneStep, aneRunner, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { addWeightProgram, scaleProgram, weightBlob } from '../../fixtures/programs.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const N = 64;
const run = aneRunner();
const compile: AneStep = ['compile', { text: scaleProgram(N, 3) }];
const evaluate: AneStep = ['evaluate', { x: 2 }];
const coded = (code: string, ...messages: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(messages.map((text) => text.replace(/[()+[\]]/g, '\\$&')).join('.*'))),
  });
const none = { models: 0, loaded: 0, surfaces: 0 };

onEachRuntime((tier, runtime) => {
  /** Compile, evaluate twice, close, with faults. */
  const faulty = async (faults: string, env: Record<string, string> = {}) => {
    const result = await run(runtime, [['open'], compile, evaluate, evaluate, ['close']], {
      MAYFLY_EMULATOR_FAULTS: faults,
      ...env,
    });
    return {
      ...result,
      compiled: result.results[1]?.compile,
      evaluated: result.results.slice(2, 4).map((step) => step.evaluate),
    };
  };
  const expectNothingLeft = ({ report, left, stderr }: AneRun) =>
    expect({ live: report?.live, left, stderr }).toEqual({ live: none, left: [], stderr: '' });

  test('the error of a rejected program has domain, code, text and our interpretation', async () => {
    const result = await faulty('compile@1=error:1');
    expect(result.compiled).toEqual(
      coded('ERR_ANE_COMPILE', 'com.apple.appleneuralengine.compiler code 1', 'ANECCompile() FAILED'),
    );
    expectNothingLeft(result);
  });

  test.each([
    ['/etc/w.bin'],
    ['@model_path/../w.bin'],
    ['@model_path/weights/../../w.bin'],
    ['@model_path/'],
    ['@model_path/weights/'],
    ['@model_path/Model.mil'],
    ['@model_path/.mayfly-owner-1'],
    [`@model_path/${'w'.repeat(5000)}`],
    ['@model_path/w.bin', '@model_path/x/../W.bin'],
    ['@model_path/w', '@model_path/w.bin', '@model_path/w/x.bin'],
  ])('weight files that cannot be staged are refused before the framework sees them: %.60s', async (...paths) => {
    const compileThem: AneStep = ['compile', { text: scaleProgram(N, 3), weight: [0], paths }];
    const result = await run(runtime, [['open'], compileThem, compile, evaluate, ['close']]);
    expect(result.results[1]?.compile).toEqual(coded('ERR_WEIGHT_BLOB', ''));
    expect(result.results[3]?.evaluate).toEqual([6]);
    expect(result.report?.compilations).toBe(1);
    expectNothingLeft(result);
  });

  test('a lock that is a symbolic link is refused, and its target is not created', async () => {
    const folder = temporaryFolder();
    const target = join(folder, 'target');
    for (const victim of [target, '/dev/null']) {
      symlinkSync(victim, join(folder, '.mayfly-ane.lock'));
      const result = await run(runtime, [['open']], {}, folder);
      expect(result.results[0]?.open).toEqual(coded('ERR_ANE_STAGING', '.mayfly-ane.lock', 'a symbolic link'));
      rmSync(join(folder, '.mayfly-ane.lock'));
    }
    expect(existsSync(target)).toBe(false);
    mkdirSync(join(folder, '.mayfly-ane.lock'));
    const result = await run(runtime, [['open']], {}, folder);
    expect(result.results[0]?.open).toEqual(coded('ERR_ANE_STAGING', '.mayfly-ane.lock'));
  });

  // Objective-C's own release cannot be made to fail.
  test.runIf(tier === 'T1').each(['release@*=exception', 'drain@*=exception'])(
    'an exception where an object goes is a line on stderr, and the work goes on: %s',
    async (faults) => {
      const { compiled, evaluated, exitCode, stderr, report } = await faulty(faults);
      expect({ compiled, evaluated, exitCode }).toEqual({
        compiled: { inputs: expect.any(Array), outputs: expect.any(Array) },
        evaluated: [[6], [6]],
        exitCode: 0,
      });
      const message = faults.split('@')[0];
      expect(new Set(stderr.trim().split('\n'))).toEqual(
        new Set([`mayfly: Expected ${message} to return, got an exception`]),
      );
      expect(report?.live).toEqual(none);
    },
  );

  test("the error has the compiler's underlying errors", async () => {
    const result = await faulty('', { MAYFLY_EMULATOR_DIALECT: 'ios16' });
    expect(result.compiled).toEqual(
      coded('ERR_ANE_COMPILE', 'code 1', '← ', 'InvalidMILProgram', 'rejected the MIL text'),
    );
    expectNothingLeft(result);
  });

  test('a failure without an error', async () => {
    const result = await faulty('compile@1=error:nil');
    expect(result.compiled).toEqual(coded('ERR_ANE_COMPILE', 'without an error'));
    expectNothingLeft(result);
  });

  test.each([
    ['0x20004', 'ERR_ANE_LOAD', 'too large for one bank', undefined],
    ['0x50004', 'ERR_DEVICE_LIMIT', 'no program slot', 'livePrograms'],
    ['0xe00002be', 'ERR_DEVICE_LIMIT', 'kIOReturnNoResources', null],
    ['0x77', 'ERR_ANE_LOAD', '', undefined],
  ])('load fails twice with %s', async (status, code, reading, limit) => {
    const result = await faulty(`load@*=error:${status}`);
    expect(result.compiled).toEqual(coded(code, status, reading));
    expect((result.compiled as { limit?: string | null }).limit).toBe(limit);
    expect(result.report?.loads).toBe(2);
    expectNothingLeft(result);
  });

  test.each([
    ['compile', '10', 'ERR_ANE_REFUSED', 'verifyBundleAtPath: invalid model', 'only one weight file'],
    ['load', '10', 'ERR_ANE_REFUSED', 'verifyBundleAtPath: invalid model', 'only one weight file'],
    ['load', '53', 'ERR_ANE_REFUSED', 'no memory', '[status 0x1, stage 4]', 'with 0 others loaded in this process'],
    ['compile', 'Graph has a cycle path', 'ERR_ANE_COMPILE', 'a cycle path', 'several products share'],
  ])('what macOS 27 and the compiler say: %s %s', async (phase, fault, code, ...readings) => {
    const result = await faulty(`${phase}@*=error:${fault}`);
    expect(result.compiled).toEqual(coded(code, ...readings));
    expectNothingLeft(result);
  });

  test('a lack of memory is the limit of programs in a process that has loaded a hundred', async () => {
    const texts = Array.from({ length: 101 }, (_, i) => scaleProgram(N, i + 1));
    const result = await run(runtime, [['open'], ['compileMany', { texts, keep: true }], ['close']], {
      MAYFLY_EMULATOR_FAULTS: 'load@101=error:53,load@102=error:53',
    });
    expect(result.results[1]?.compileMany).toEqual(coded('ERR_DEVICE_LIMIT', 'no memory', 'with 100 others loaded'));
    expect(result.results[1]?.compileMany).toMatchObject({ limit: 'livePrograms' });
    expectNothingLeft(result);
  });

  test('a load that fails once is tried again', async () => {
    const result = await faulty('load@1=error:0x50004');
    expect(result.evaluated).toEqual([[6], [6]]);
    expectNothingLeft(result);
  });

  test.each([
    ['0x1d', 'ERR_ANE_EVALUATE', 'the request was refused'],
    ['0x16', 'ERR_ANE_EVALUATE', 'inference failed'],
    ['0xe00002be', 'ERR_DEVICE_LIMIT', 'exhausted'],
    ['0x15', 'ERR_ANE_EVALUATE', 'no report explains'],
    ['0x12', 'ERR_ANE_EVALUATE', 'Request cancelled.*the request was cancelled'],
    ['0xf', 'ERR_ANE_EVALUATE', 'Program Inference timeout.*did not finish in time'],
    ['0xe', 'ERR_ANE_EVALUATE', 'Program not found.*does not have the program any more'],
    ['0x2', 'ERR_ANE_EVALUATE', 'no such procedure'],
    ['0x2f', 'ERR_ANE_EVALUATE', 'Program Inference error$'],
  ])('an evaluation fails with %s, the next does not', async (status, code, reading) => {
    const result = await faulty(`evaluate@1=error:${status}`);
    expect(result.evaluated).toEqual([coded(code, `status=${status}`, reading), [6]]);
    expectNothingLeft(result);
  });

  test.each([
    ['compile', 'compileWithQoS:options:error:'],
    ['load', 'loadWithQoS:options:error:'],
    ['evaluate', 'evaluateWithQoS:options:request:error:'],
  ])('an Objective-C exception in %s becomes an error', async (phase, selector) => {
    const result = await faulty(`${phase}@1=exception`);
    const error = coded('ERR_ANE_EXCEPTION', selector);
    if (phase === 'evaluate') expect(result.evaluated).toEqual([error, [6]]);
    else expect(result.compiled).toEqual(error);
    expectNothingLeft(result);
  });

  test('a failing unload is a line on stderr, and everything is released', async () => {
    const result = await faulty('unload@1=error:9');
    expect(result.stderr).toMatch(/^mayfly: Expected to unload .* code 9: Program unload failure\n$/);
    expectNothingLeft({ ...result, stderr: '' });
  });

  test('a surface that cannot be locked', async () => {
    const result = await faulty('lock@1=error:0xe00002cc');
    expect(result.evaluated).toEqual([coded('ERR_ANE_SURFACE', 'IOSurfaceLock of 49152 bytes', '0xe00002cc'), [6]]);
    expectNothingLeft(result);
  });

  test('silent zeros come through as zeros: nothing below the trainer can tell', async () => {
    const result = await faulty('evaluate@2=zeros');
    expect(result.evaluated).toEqual([[6], [0]]);
    expectNothingLeft(result);
  });

  test('a crash of the framework ends the process, which the pool sees', async () => {
    const result = await faulty('evaluate@1=crash');
    expect(result.signal).toBe('SIGABRT');
  });

  test('missing classes and methods of the core: no device, and why', async () => {
    for (const missing of [
      '_ANERequest',
      '-[_ANEInMemoryModel unloadWithQoS:error:]',
      '+[_ANEIOSurfaceObject objectWithIOSurface:]',
    ]) {
      const steps: AneStep[] = [['open'], ['names'], ['probe']];
      const result = await run(runtime, steps, { MAYFLY_EMULATOR_MISSING: missing });
      expect(result.results[0]).toEqual({ open: coded('ERR_DEVICE_UNAVAILABLE', missing) });
      expect(result.results[1]).toEqual({ names: expect.not.arrayContaining(['ane']) });
      expect(result.results[2]).toMatchObject({
        probe: { available: false, reason: expect.stringContaining(missing) },
      });
      expect(result.stderr).toBe('');
    }
  });

  test('missing optional methods leave the device', async () => {
    const missing = '_ANEClient,_ANEDeviceInfo';
    const result = await faulty('', { MAYFLY_EMULATOR_MISSING: missing });
    expect(result.evaluated).toEqual([[6], [6]]);
    const refused = await run(runtime, [['open']], { MAYFLY_EMULATOR_MISSING: missing, MAYFLY_ANE_EVALUATE: 'direct' });
    expect(refused.results[0]).toEqual({ open: coded('ERR_ANE_PATH', 'class _ANEClient') });
  });

  test('a weight file that is not where the text says is not compiled', async () => {
    const weight = [...weightBlob(Array(N).fill(1))].slice(0, 100);
    const result = await run(runtime, [['open'], ['compile', { text: addWeightProgram(N), weight }], ['close']]);
    expect(result.results[1]).toEqual({ compile: coded('ERR_WEIGHT_BLOB') });
    expect(result.report?.compilations).toBe(0);
  });
});
