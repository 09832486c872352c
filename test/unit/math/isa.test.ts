import { addon } from '@mayfly/native';
import { describe, expect, test } from 'vitest';
import { fullProduct } from '../../fixtures/full-product.js';
import { askAddon, instructionSets, modelledSets, runNode, runTests } from '../../fixtures/instruction-sets.js';

// The other math tests and the table of operations once more on each instruction set, in a process of its own. (Not when this is such a run.)
describe.skipIf(process.env.MAYFLY_ISA !== undefined)('host math and operations', () => {
  test.for(Object.entries(instructionSets))('on %s', ([isa, environment], { skip }) => {
    const used = askAddon(environment, 'addon.isa()');
    if (used === undefined) return skip(`this processor has no ${isa}`);
    expect(used).toBe(isa);
    if (isa === addon.isa()) return skip('the other tests use it');
    const tests = runTests(environment, ['unit/math/', 'contract/ops.test.ts']);
    expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  });

  // The tiles compute matrix products only.
  test.for(['amx, modelled', 'amx with fp16, modelled'])('on %s', (isa, { skip }) => {
    const environment = modelledSets[isa];
    if (environment === undefined || askAddon(environment, 'addon.isa()') !== 'amx')
      return skip('needs Linux, AVX512_BF16 and a compiler that knows AMX');
    expect(askAddon(environment, 'addon.fastMatmul()')).toBe(isa.includes('fp16') ? 'amx-fp16' : 'amx-bf16');
    if (isa === 'amx, modelled' && addon.isa() === 'amx' && !fullProduct) return skip('this processor has the tiles');
    if (isa === 'amx with fp16, modelled' && !fullProduct) return skip('needs MAYFLY_FULL_PRODUCT=1');
    const files = ['gemm', 'outer-products', 'cross-entropy'].map((name) => `unit/math/${name}`);
    const tests = runTests(environment, [...files, 'contract/ops.test.ts']);
    expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  });

  test('tiles whose first product is wrong are not used, which is said', ({ skip }) => {
    const environment = modelledSets['amx that computes wrong, modelled'];
    if (environment === undefined || askAddon(modelledSets['amx, modelled']!, 'addon.isa()') !== 'amx')
      return skip('needs Linux, AVX512_BF16 and a compiler that knows AMX');
    expect(askAddon(environment, 'addon.isa()')).toBe('avx512');
    expect(askAddon(environment, 'addon.isaFault()')).toMatch(/^AMX is announced, but its first product was wrong/);
    expect(askAddon(modelledSets['amx, modelled']!, 'addon.isaFault()')).toBe('null');
  });

  test('an unknown instruction set is refused', () => {
    const script = "import { addon } from '@mayfly/native'; addon.isa();";
    const probe = runNode({ MAYFLY_ISA: 'mmx' }, ['--input-type=module', '--eval', script]);
    expect(probe.status).not.toBe(0);
    expect(probe.stderr).toMatch(/Expected MAYFLY_ISA to be one of this processor's \(.*portable.*\), got `mmx`/);
  });
});
