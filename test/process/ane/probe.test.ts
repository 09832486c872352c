import type { AneProbe } from '@mayfly/native';
import { expect, test } from 'vitest';
import { aneRunner, onEachRuntime } from '../../fixtures/ane-emulator.js';
import { scaleProgram } from '../../fixtures/programs.js';

const run = aneRunner();
const coded = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

onEachRuntime((_, runtime) => {
  const probeOf = async (env: Record<string, string>) => {
    const { results, stderr } = await run(runtime, [['probe'], ['open']], env);
    expect(stderr).toBe('');
    return { probe: results[0]?.probe as AneProbe, opened: results[1]?.open };
  };

  test('every method is listed with its arguments, their kinds and whether it can be used', async () => {
    const { probe, opened } = await probeOf({});
    expect(opened).toBe('ane');
    expect(probe).toMatchObject({ available: true, chip: 'h16' });
    expect(probe.capabilities).toEqual(['core', 'chip', 'engine', 'attributes', 'connection', 'client', 'direct']);
    for (const { present, usable, expectedArguments, expectedKinds, ...found } of probe.methods) {
      expect(expectedKinds).toHaveLength(expectedArguments + 1);
      expect([present, usable]).toEqual([true, true]);
      expect([found.arguments, found.kinds]).toEqual([expectedArguments, expectedKinds]);
    }
  });

  test('a method of the core whose arguments are of other kinds is never called', async () => {
    const { probe, opened } = await probeOf({ MAYFLY_EMULATOR_WIDE: 'compileWithQoS:options:error:' });
    const told =
      '-[_ANEInMemoryModel compileWithQoS:options:error:] with result and arguments bi@p (it has bq@p, encoded ';
    expect(probe).toMatchObject({ available: false, reason: expect.stringContaining(told) });
    expect(probe.methods.filter(({ usable, present }) => present && !usable)).toHaveLength(1);
    expect(opened).toEqual(coded('ERR_DEVICE_UNAVAILABLE', told));
  });

  test('so is an optional one, whose path is then refused', async () => {
    const wide = { MAYFLY_EMULATOR_WIDE: 'doEvaluateDirectWithModel:options:request:qos:error:' };
    expect((await probeOf(wide)).opened).toBe('ane');
    const { opened } = await probeOf({ ...wide, MAYFLY_ANE_EVALUATE: 'direct' });
    expect(opened).toEqual(coded('ERR_ANE_PATH', 'arguments b@@@ip (it has b@@@qp'));
  });

  test('a machine that has the framework but no engine', async () => {
    const { probe, opened } = await probeOf({ MAYFLY_EMULATOR_CHIP: 'none' });
    expect(probe).toMatchObject({ available: false, reason: expect.stringContaining('Expected a Neural Engine') });
    expect(opened).toEqual(coded('ERR_DEVICE_UNAVAILABLE', 'Expected a Neural Engine'));
    const { probe: old } = await probeOf({ MAYFLY_EMULATOR_MISSING: '+[_ANEDeviceInfo hasANE]' });
    expect(old.available).toBe(true);
  });

  test.each(['', '..', '/', 'a/../b'])(
    'an identifier that is no name of a directory (%s) is not staged',
    async (identifier) => {
      const steps = [['open'], ['compile', { text: scaleProgram(64, 2) }], ['directories']] as const;
      const { results, left } = await run(runtime, steps, { MAYFLY_EMULATOR_IDENTIFIER: identifier });
      expect(results[1]).toEqual({ compile: coded('ERR_ANE_COMPILE', `got \`${identifier}\``) });
      expect(left).toEqual([]);
    },
  );
});
