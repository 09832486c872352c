import type { Fault } from '@mayfly/native';
import { describe, expect, test } from 'vitest';
import { chip, code, SimBench } from '../../fixtures/sim-bench.js';

describe('faults', () => {
  const outcomes = (evaluate: readonly Fault[], count: number, more: object = {}) => {
    const bench = new SimBench(chip({}, { evaluate, ...more }));
    const program = bench.compile();
    return Array.from({ length: count }, () => {
      try {
        return bench.evaluate(program)[0];
      } catch (error) {
        expect(error).toEqual(code('ERR_ANE_EVALUATE', 'status=0x1d'));
        return 'error';
      }
    });
  };

  test('strike at counts, at every n-th, from one on', () => {
    expect(outcomes([{ fault: 'error', at: [2, 5] }], 6)).toEqual([2, 'error', 2, 2, 'error', 2]);
    expect(outcomes([{ fault: 'zeros', every: 3 }], 6)).toEqual([2, 2, 0, 2, 2, 0]);
    expect(outcomes([{ fault: 'error', from: 4 }], 6)).toEqual([2, 2, 2, 'error', 'error', 'error']);
  });

  test('strike with a probability, the same for the same seed', () => {
    const faults: readonly Fault[] = [{ fault: 'zeros', probability: 0.25 }];
    const first = outcomes(faults, 200, { seed: 3 });
    expect(outcomes(faults, 200, { seed: 3 })).toEqual(first);
    expect(outcomes(faults, 200, { seed: 4 })).not.toEqual(first);
    const struck = first.filter((result) => result === 0).length;
    expect(struck).toBeGreaterThan(25);
    expect(struck).toBeLessThan(80);
  });

  test('strike compilations and loads', () => {
    const bench = new SimBench(
      chip(
        {},
        {
          compile: [
            { fault: 'error', at: 1 },
            { fault: 'load', at: 2 },
          ],
        },
      ),
    );
    expect(() => bench.compile()).toThrow(code('ERR_ANE_COMPILE', 'ANECCompile'));
    expect(() => bench.compile()).toThrow(code('ERR_ANE_LOAD', '0x20004'));
    bench.compile();
    expect(bench.device.stats()).toMatchObject({ compilations: 3, livePrograms: 1 });
  });

  test('come from the environment, too', () => {
    process.env.MAYFLY_SIM_FAULTS = '{"compile":[{"fault":"error","at":1}]}';
    try {
      expect(() => new SimBench('sim:m4').compile()).toThrow(code('ERR_ANE_COMPILE', 'ANECCompile'));
      process.env.MAYFLY_SIM_FAULTS = '{';
      expect(() => new SimBench('sim:m4')).toThrow(code('ERR_CHIP_PROFILE', 'Expected MAYFLY_SIM_FAULTS to be JSON'));
    } finally {
      delete process.env.MAYFLY_SIM_FAULTS;
    }
  });
});
