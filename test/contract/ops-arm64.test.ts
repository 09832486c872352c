import { join } from 'node:path';
import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';
import { buildForArm64, has, PACKAGES } from '../../packages/native/checks/arm64/build.mjs';
import { runOnArm64 } from '../fixtures/arm64-loops.js';
import { runTests } from '../fixtures/instruction-sets.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';
import { opCases } from './ops.cases.js';
import { runProgram } from './run-program.js';
import { bytesPerElement, decode } from './tensor.js';

const file = join(temporaryFolder(), 'cases');

// The loops of Apple's processors, as far as one can go without one: compiled for arm64 and run by QEMU. checks/arm64/check.mjs, a step of
// `.ci/run`, compares host math in the same way.
test('operations on arm64 give the bits of this processor', (context) => {
  if (addon.isa() === 'amx') {
    // Its tiles give other bits than vectors do: compare in a process that uses vectors.
    const { status, stdout, stderr } = runTests({ MAYFLY_ISA: 'avx512' }, ['contract/ops-arm64.test.ts']);
    if (/1 skipped/.test(stdout)) context.skip('see the run with vectors');
    expect(status, stdout + stderr).toBe(0);
    return;
  }
  if (!has('aarch64-linux-gnu-g++') || !has('qemu-aarch64')) context.skip(`needs apt-get install ${PACKAGES}`);
  if (addon.isa() === 'portable') context.skip('this processor has no fused multiply-add to compare operations with');

  const results = runOnArm64(buildForArm64(), opCases, file);
  opCases.forEach((c, i) => {
    let at = 0;
    for (const { dtype, data } of runProgram('cpu', c)) {
      const end = at + bytesPerElement[dtype] * data.length;
      // As numbers, since the sign of a NaN differs by processor.
      const result = decode(dtype, new Uint8Array(results[i]!.subarray(at, end)));
      if (c.isOrdered === false) {
        const tolerance = c.tolerance!;
        const far = result.findIndex(
          (value, j) => !(Math.abs(value - data[j]!) <= tolerance * Math.max(1, Math.abs(data[j]!))),
        );
        expect(far, c.name).toBe(-1);
      } else {
        expect(result, c.name).toEqual(data);
      }
      at = end;
    }
  });
});
