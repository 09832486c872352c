import type { ModelConfig } from '../model/config.js';

/** Ids around a text, for `config.json` and `generation_config.json`; absent where a tokenizer has none. */
export interface TokenIds {
  readonly bos_token_id?: number;
  /** One id, or several that end a text. */
  readonly eos_token_id?: number | readonly number[];
  readonly pad_token_id?: number;
}

/** `config.json` of transformers for a model: the inverse of `readHuggingFaceConfig`. */
export function configJson(config: ModelConfig, torchDtype: string, ids: TokenIds): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    attention_bias: false,
    mlp_bias: false,
    ...ids,
    head_dim: config.headDim,
    hidden_act: 'silu',
    hidden_size: config.dim,
    initializer_range: 0.02,
    intermediate_size: config.hidden,
    max_position_embeddings: config.sequence,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    rms_norm_eps: config.eps,
    rope_scaling: null,
    rope_theta: config.ropeBase,
    tie_word_embeddings: config.tiedHead,
    torch_dtype: torchDtype,
    use_cache: true,
    vocab_size: config.vocab,
  };
}
