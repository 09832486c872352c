import { countParameters } from '@mayfly/core/testing';
import { type StepModel, stepGflop } from './step-models.js';

/** What a machine does in a second, measured. */
export interface Speeds {
  readonly gflops: number;
  readonly gigabytes: number;
}

/** Bytes that each parameter moves in a step: gradient written and read twice, AdamW's weight and moments, the fp16 copy. */
const PARAMETER_BYTES = 4 + 4 + 4 + 24 + 4;
/** Bytes of each fp16 element of an activation: written, and read forward and backward; and of its gradient likewise. */
const ACTIVATION_BYTES = 12;

/** Memory that a step moves at least, 10⁹ bytes: parameters once, activations of each token once. */
export function stepGigabytes({ config, sequence, batch }: StepModel): number {
  const { dim, hidden, layers, heads, kvHeads, headDim } = config;
  const attention = heads * headDim * 2 + kvHeads * headDim * 2;
  const residual = 4 * dim;
  const elements = layers * (2 * dim + attention + 3 * hidden + residual + heads * sequence);
  return (PARAMETER_BYTES * countParameters(config) + ACTIVATION_BYTES * batch * sequence * elements) / 1e9;
}

/** Milliseconds of a step by its operations and bytes, neither hidden behind the other. */
export const countedMs = (model: StepModel, { gflops, gigabytes }: Speeds): number =>
  1000 * (stepGflop(model) / gflops + stepGigabytes(model) / gigabytes);
