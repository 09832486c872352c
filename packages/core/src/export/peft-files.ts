import { type Adapter, adaptedLayout, adapterNames } from '../model/adapters.js';
import type { ModelConfig } from '../model/config.js';
import { pairedUp, peftConfigName, peftModule, peftTensorNames, peftTensorsName } from '../model/peft.js';
import { type FilePlan, jsonFile } from './file-plan.js';
import { type NamedTensor, type SafetensorsDtype, safetensorsFile } from './safetensors-files.js';

/**
 * The files of a folder as PEFT saves adapters.
 *
 * @param base The model that they belong to, as `base_model_name_or_path`.
 */
export function peftFiles(
  config: ModelConfig,
  { lora, values }: Adapter,
  { base, dtype }: { readonly base: string | null; readonly dtype: SafetensorsDtype },
): FilePlan[] {
  const layout = adaptedLayout(config, lora);
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const tensors = layers.flatMap((layer) =>
    lora.targets.flatMap((target) =>
      (['down', 'up'] as const).map((kind): NamedTensor => {
        const { name, shape, offset, count } = layout.entry(adapterNames(target)[kind], layer);
        const first = offset - layout.baseCount;
        const own = () => values.subarray(first, first + count);
        return {
          ...{ name, layer, shape, count, storedName: peftTensorNames(target, layer)[kind] },
          values: () =>
            kind === 'down' ? own() : pairedUp(own(), target, config, lora.rank, config.ropePairing, 'half'),
        };
      }),
    ),
  );
  return [
    jsonFile(peftConfigName, {
      base_model_name_or_path: base,
      bias: 'none',
      fan_in_fan_out: false,
      inference_mode: true,
      init_lora_weights: true,
      lora_alpha: lora.alpha,
      lora_dropout: lora.dropout,
      peft_type: 'LORA',
      r: lora.rank,
      target_modules: lora.targets.map(peftModule),
      task_type: 'CAUSAL_LM',
      use_dora: false,
      use_rslora: lora.rslora,
    }),
    safetensorsFile(peftTensorsName, tensors, dtype),
  ];
}
