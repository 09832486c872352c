import type { ModelConfig } from '../model/config.js';
import { ParameterLayout } from '../model/parameters.js';
import { pairRows } from '../model/rope-pairing.js';

/** A parameter on its way into a file. */
export interface ModelTensor {
  /** As `ParameterLayout` has it. */
  readonly name: string;
  /** -1 outside the layers. */
  readonly layer: number;
  /** [out, in] of a matrix, [elements] of a vector. */
  readonly shape: readonly number[];
  readonly count: number;
  readonly values: () => Float32Array;
}

/** The parameters that RoPE's pairing orders. */
const paired: ReadonlySet<string> = new Set(['wq', 'wk', 'bq', 'bk', 'qNorm', 'kNorm']);

/**
 * The parameters of a model, with queries and keys in the order of a pairing.
 *
 * @param parameters The flat block of the model.
 */
export function modelTensors(
  config: ModelConfig,
  parameters: Float32Array,
  pairing: ModelConfig['ropePairing'],
): ModelTensor[] {
  const { headDim, ropePairing } = config;
  return new ParameterLayout(config).entries.map(({ name, layer, shape: [rows, columns], offset, count, decay }) => ({
    ...{ name, layer, count, shape: decay ? [rows, columns] : [rows] },
    values: () => {
      const values = parameters.subarray(offset, offset + count);
      return paired.has(name) ? pairRows(values, headDim, columns, ropePairing, pairing) : values;
    },
  }));
}
