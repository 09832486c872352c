import { addon } from '@mayfly/native';
import { expect, test } from 'vitest';
import { askAddon, instructionSets, modelledSets, runTests } from '../fixtures/instruction-sets.js';

// The table of operations once more on other instruction sets, each in a process of its own.
test.skipIf(process.env.MAYFLY_ISA !== undefined).for(['portable', 'avx2', 'avx512', 'amx, modelled'])(
  'operations on %s',
  (isa, { skip }) => {
    if (isa === addon.isa()) return skip('what the other tests use');
    const environment = instructionSets[isa] ?? modelledSets[isa];
    if (environment === undefined || askAddon(environment, 'addon.isa()') === undefined)
      return skip(`this processor has no ${isa}`);
    const tests = runTests(environment, ['--project=cpu', 'contract/ops.test.ts']);
    expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  },
);
