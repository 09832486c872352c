import type { ModelConfig } from '@mayfly/core';

/** Floating-point operations of the matrix products of one layer's forward pass over one window (causality not exploited). */
export function layerFlops({ dim, hidden, heads, kvHeads, headDim }: ModelConfig, tokens: number): number {
  const projections = 2 * tokens * dim * headDim * 2 * (heads + kvHeads);
  const attention = 2 * 2 * tokens * tokens * heads * headDim;
  const feedForward = 2 * tokens * 3 * dim * hidden;
  return projections + attention + feedForward;
}
