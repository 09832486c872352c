import { TokenArray } from '@mayfly/core';

/** The training that benchmarks do: 260,032 parameters, 20 kernels, 1,024 tokens a step. */
export const trainShape = {
  model: 'stories260k',
  batch: 8,
  seq: 128,
  hostThreads: 1,
} as const;

/** The pool that it runs on. */
export const trainPool = { device: 'cpu', threads: 1 } as const;

/** Compilations of a step with static weights. */
export const KERNELS = 20;

/** Tokens without meaning: what they cost is what counts. */
export function trainTokens(): TokenArray {
  let state = 1;
  const tokens = Uint16Array.from({ length: 65_536 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % 512;
  });
  return new TokenArray(tokens, 'generated');
}
