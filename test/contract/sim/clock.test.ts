import { loadProfile, timeMil } from '@mayfly/native';
import { expect, test } from 'vitest';
import { double, SimBench } from '../../fixtures/sim-bench.js';

test('the clock reports the time of the chip', () => {
  const text = double();
  const expected = timeMil(text, loadProfile('m4'));
  const bench = new SimBench('sim:m4,clock');
  const program = bench.compile(text);
  bench.evaluate(program);
  bench.evaluate(program);
  expect(bench.device.stats()).toMatchObject({
    evaluateNanoseconds: 2 * Math.round(expected.evaluateUs * 1e3),
    compileNanoseconds: Math.round((expected.compileMs + expected.loadMs) * 1e6),
  });
});
