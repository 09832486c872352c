import { isDeepStrictEqual } from 'node:util';
import { MayflyError } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { parseHuggingFaceConfig } from '../model/hugging-face-config.js';
import type { RopeScaling } from '../model/rope.js';

/** Ids around a text, for `config.json` and `generation_config.json`; absent where a tokenizer has none. */
export interface TokenIds {
  readonly bos_token_id?: number;
  /** One id, or several that end a text. */
  readonly eos_token_id?: number | readonly number[];
  readonly pad_token_id?: number;
}

type Json = Readonly<Record<string, unknown>>;

/** The families of transformers by `model_type`, the plainest first, with the keys that only they have. */
const families: readonly {
  readonly type: string;
  readonly architecture: string;
  readonly keys: (config: ModelConfig) => Json;
}[] = [
  {
    type: 'llama',
    architecture: 'LlamaForCausalLM',
    keys: ({ attentionBias = false, mlpBias = false }) => ({ attention_bias: attentionBias, mlp_bias: mlpBias }),
  },
  {
    type: 'mistral',
    architecture: 'MistralForCausalLM',
    keys: ({ slidingWindow = null }) => ({ sliding_window: slidingWindow }),
  },
  { type: 'qwen2', architecture: 'Qwen2ForCausalLM', keys: qwenWindow },
  {
    type: 'qwen3',
    architecture: 'Qwen3ForCausalLM',
    keys: (config) => ({ attention_bias: config.attentionBias ?? false, ...qwenWindow(config) }),
  },
  {
    type: 'smollm3',
    architecture: 'SmolLM3ForCausalLM',
    keys: ({ attentionBias = false, mlpBias = false, layers, unrotatedLayers = [] }) => ({
      ...{ attention_bias: attentionBias, mlp_bias: mlpBias, use_sliding_window: false },
      no_rope_layers: Array.from({ length: layers }, (_, layer) => Number(!unrotatedLayers.includes(layer))),
    }),
  },
];

/** A window from some layer on as `max_window_layers`, in others as `layer_types`. */
function qwenWindow({ slidingWindow, layers, fullLayers = [] }: ModelConfig): Json {
  const isUsed = slidingWindow !== undefined;
  const areFirst = fullLayers.every((layer, index) => layer === index);
  return {
    use_sliding_window: isUsed,
    sliding_window: isUsed ? slidingWindow : null,
    max_window_layers: isUsed ? (areFirst ? fullLayers.length : 0) : layers,
    ...(isUsed &&
      !areFirst && {
        layer_types: Array.from({ length: layers }, (_, layer) =>
          fullLayers.includes(layer) ? 'full_attention' : 'sliding_attention',
        ),
      }),
  };
}

/**
 * `config.json` of transformers for a model, of the first family that has all of its options: reading it gives the model again.
 *
 * @param config With RoPE's pairs as halves.
 * @throws `ERR_CONFIG` for a set of options that no family has.
 */
export function configJson(config: ModelConfig, torchDtype: string, ids: TokenIds): Record<string, unknown> {
  const wanted = withoutOff(config);
  for (const { type, architecture, keys } of families) {
    const json = {
      architectures: [architecture],
      model_type: type,
      ...ids,
      ...commonKeys(config),
      ...keys(config),
      torch_dtype: torchDtype,
      use_cache: true,
    };
    if (isDeepStrictEqual(withoutOff(readBack(json)), wanted)) return json;
  }
  const options = [
    ...(['qkNorm', 'attentionBias', 'outputBias', 'mlpBias', 'slidingWindow', 'ropeScaling'] as const),
    ...(['fullLayers', 'unrotatedLayers'] as const),
  ] as const;
  const used = options.filter((option) => wanted[option] !== undefined);
  throw new MayflyError(
    'ERR_CONFIG',
    `Expected a model of the family ${families.map(({ type }) => type).join(', ')} for hf, got one with ${used.join(', ')}`,
  );
}

/** A family may lack a key that another one needs. */
function readBack(json: Json): ModelConfig | undefined {
  try {
    return parseHuggingFaceConfig(json);
  } catch {
    return undefined;
  }
}

/** An option that is off is the same as one that is absent. */
const withoutOff = (config: ModelConfig | undefined): Partial<ModelConfig> =>
  Object.fromEntries(
    Object.entries(config ?? {}).filter(
      ([name, value]) => name === 'tiedHead' || (value !== undefined && value !== false),
    ),
  );

function commonKeys(config: ModelConfig): Json {
  const { ropeScaling: scaling } = config;
  const isOriginal = scaling?.type === 'linear' || scaling?.type === 'dynamic';
  return {
    head_dim: config.headDim,
    hidden_act: 'silu',
    hidden_size: config.dim,
    initializer_range: 0.02,
    intermediate_size: config.hidden,
    max_position_embeddings: isOriginal ? scaling.originalSequence : config.sequence,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    rms_norm_eps: config.eps,
    rope_scaling: scaling === undefined ? null : scalingJson(scaling),
    rope_theta: config.ropeBase,
    tie_word_embeddings: config.tiedHead,
    vocab_size: config.vocab,
  };
}

function scalingJson(scaling: RopeScaling): Json {
  const { type, factor, originalSequence } = scaling;
  const plain = { rope_type: type, factor };
  const original = { original_max_position_embeddings: originalSequence };
  switch (type) {
    case 'llama3': {
      const { lowFrequencyFactor, highFrequencyFactor } = scaling;
      return { ...plain, ...original, low_freq_factor: lowFrequencyFactor, high_freq_factor: highFrequencyFactor };
    }
    case 'yarn': {
      const { betaFast, betaSlow, truncate, attentionFactor } = scaling;
      const ramp = { beta_fast: betaFast, beta_slow: betaSlow, truncate };
      return { ...plain, ...original, ...ramp, attention_factor: attentionFactor };
    }
    default:
      return plain;
  }
}
