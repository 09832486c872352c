import { MayflyError } from '@mayfly/native';
import type { ModelConfig } from './config.js';

const sizes = ['dim', 'hidden', 'layers', 'heads', 'kvHeads', 'headDim', 'vocab', 'sequence'] as const;

/** Returns `config` if every field makes sense. Errors: `ERR_CONFIG`, which names the first field that does not. */
export function validateConfig(config: ModelConfig): ModelConfig {
  for (const name of sizes) {
    const size = config[name];
    expect(Number.isSafeInteger(size) && size > 0, name, 'a whole number from 1 up', size);
  }
  const { heads, kvHeads, headDim, eps, ropeBase, ropePairing, tiedHead } = config;
  expect(heads % kvHeads === 0, 'heads', `a multiple of kvHeads ${kvHeads}`, heads);
  expect(headDim % 2 === 0, 'headDim', 'even, since RoPE rotates pairs', headDim);
  expect(Number.isFinite(eps) && eps > 0, 'eps', 'a number above 0', eps);
  expect(Number.isFinite(ropeBase) && ropeBase > 0, 'ropeBase', 'a number above 0', ropeBase);
  expect(ropePairing === 'interleaved' || ropePairing === 'half', 'ropePairing', 'interleaved or half', ropePairing);
  expect(typeof tiedHead === 'boolean', 'tiedHead', 'true or false', tiedHead);
  return config;
}

function expect(holds: boolean, name: keyof ModelConfig, expected: string, actual: unknown): void {
  if (!holds) throw new MayflyError('ERR_CONFIG', `Expected ${name} to be ${expected}, got ${String(actual)}`);
}
