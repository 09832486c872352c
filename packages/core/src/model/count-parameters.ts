import type { ModelConfig } from './config.js';

/** Parameters of a model: what `ParameterLayout.count` says, without laying them out. */
export function countParameters(config: ModelConfig): number {
  const { dim, hidden, layers, heads, kvHeads, headDim, vocab, tiedHead } = config;
  const attention = dim * headDim * 2 * (heads + kvHeads);
  const feedForward = 3 * dim * hidden;
  return vocab * dim * (tiedHead ? 1 : 2) + layers * (attention + feedForward + 2 * dim) + dim;
}
