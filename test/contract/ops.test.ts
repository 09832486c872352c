import { expect, test } from 'vitest';
import { onDevice } from './on-device.js';
import { opCases } from './ops.cases.js';
import { runProgram } from './run-program.js';
import type { CaseType, Tensor } from './tensor.js';

const tolerances: Readonly<Record<CaseType, number>> = {
  fp16: 1.5e-3,
  fp32: 2e-6,
  int32: 0,
  bool: 0,
  int8: 0,
  uint8: 0,
};

/** The element that is farthest from its expected value, in units of the tolerance. */
function farthest(
  actual: Tensor,
  expected: Tensor,
  tolerance: number,
  floor: number,
): { at: number; actual: number; expected: number; ratio: number } {
  let worst = { at: -1, actual: 0, expected: 0, ratio: 0 };
  expected.data.forEach((value, at) => {
    const got = actual.data[at] as number;
    const limit = tolerance * Math.max(floor, Math.abs(value));
    const same = Object.is(got, value) || got === value;
    const ratio = same ? 0 : Math.abs(got - value) / (limit || Number.MIN_VALUE);
    if (!(ratio <= worst.ratio)) worst = { at, actual: got, expected: value, ratio };
  });
  return worst;
}

onDevice((device) => {
  test.each(opCases)('$name', (c) => {
    const outputs = runProgram(device, c);
    expect(outputs.map((output) => [output.dtype, output.shape])).toEqual(c.expected.map((t) => [t.dtype, t.shape]));
    c.expected.forEach((expected, i) => {
      const worst = farthest(outputs[i] as Tensor, expected, c.tolerance ?? tolerances[expected.dtype], c.floor ?? 1);
      expect(worst, `output ${i}`).toSatisfy((w: typeof worst) => w.ratio <= 1);
    });
  });

  test('results do not depend on the number of threads', () => {
    for (const c of opCases) {
      const one = runProgram(device, c, 1);
      for (const threads of [2, 3]) expect(runProgram(device, c, threads), c.name).toEqual(one);
    }
  });
});
