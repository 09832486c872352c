import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';
import { code, SimBench } from '../../fixtures/sim-bench.js';

test('a device has the requested name, and an unknown name is an error', () => {
  expect(addon.deviceNames()).not.toContain('sim');
  expect(addon.openDevice('sim:m4', new SimBench('cpu').arena.native).name).toBe('sim:m4');
  expect(() => new SimBench('sim:m99')).toThrow(code('ERR_CHIP_UNKNOWN', 'Expected a chip among'));
  expect(() => new SimBench('sim:m4,fast')).toThrow(
    code('ERR_DEVICE_UNAVAILABLE', 'numerics, clock, pacing, no-rules, got `fast`'),
  );
});
