import { type ModelConfig, presets } from '@mayfly/core';
import { countParameters } from '@mayfly/core/testing';

export interface StepModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly sequence: number;
  /** Windows per pass. */
  readonly batch: number;
}

/** What the benchmark of a training step trains. */
export const stepModels: readonly StepModel[] = [
  { name: 'stories15m', config: presets.stories15m, sequence: 256, batch: 1 },
  {
    name: 'one layer 768',
    config: { ...presets.stories110m, layers: 1 },
    sequence: 512,
    batch: 1,
  },
  { name: 'stories110m', config: presets.stories110m, sequence: 256, batch: 1 },
];

/**
 * Floating-point operations of a step's matrix products, 10⁹: each product of the forward pass stands for three, and causality is
 * not exploited.
 */
export function stepGflop({ config, sequence, batch }: StepModel): number {
  const { dim, layers, heads, headDim, vocab } = config;
  const norms = dim * (2 * layers + 1);
  const embedding = config.tiedHead ? 0 : vocab * dim;
  const matrices = countParameters(config) - norms - embedding;
  const attention = 2 * layers * sequence * heads * headDim;
  return (3 * 2 * batch * sequence * (matrices + attention)) / 1e9;
}

/** How many steps of a model a benchmark takes. */
export const taskOf = (model: StepModel, quick: boolean): { readonly warmup: number; readonly steps: number } =>
  quick ? { warmup: 1, steps: 1 } : { warmup: 2, steps: stepGflop(model) > 100 ? 5 : 9 };
