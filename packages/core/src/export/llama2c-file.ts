import type { ModelConfig } from '../model/config.js';
import { llama2cBlocks } from '../model/llama2c.js';
import { encodeHeader } from '../model/llama2c-format.js';
import type { FilePlan } from './file-plan.js';
import { modelTensors } from './model-tensors.js';

/**
 * A llama2.c checkpoint, version 0.
 *
 * @throws `ERR_CONFIG` for a model that the format has no place for.
 */
export function llama2cFile(name: string, config: ModelConfig, parameters: Float32Array): FilePlan {
  const interleaved = { ...config, ropePairing: 'interleaved' } as const;
  const tensors = new Map(
    modelTensors(config, parameters, 'interleaved').map((tensor) => [`${tensor.layer}.${tensor.name}`, tensor]),
  );
  const blocks = llama2cBlocks(interleaved, (entry) => tensors.get(`${entry.layer}.${entry.name}`)!.values());
  return { name, pieces: [encodeHeader(interleaved), ...blocks.map((block) => ({ ...block, dtype: 'f32' as const }))] };
}
