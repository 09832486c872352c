import type { ModelConfig } from '@mayfly/core/testing';

const modeling = (family: string) =>
  `https://github.com/huggingface/transformers/blob/v4.57.1/src/transformers/models/${family}/modeling_${family}.py`;

type Sizes = Pick<ModelConfig, 'dim' | 'hidden' | 'heads' | 'kvHeads' | 'headDim'>;
/** Names of a layer's tensors, behind `model.layers.N.`, with their shapes. */
type Names = (sizes: Sizes) => Readonly<Record<string, readonly number[]>>;

const llama: Names = ({ dim, hidden, heads, kvHeads, headDim }) => ({
  'input_layernorm.weight': [dim],
  'self_attn.q_proj.weight': [heads * headDim, dim],
  'self_attn.k_proj.weight': [kvHeads * headDim, dim],
  'self_attn.v_proj.weight': [kvHeads * headDim, dim],
  'self_attn.o_proj.weight': [dim, heads * headDim],
  'post_attention_layernorm.weight': [dim],
  'mlp.gate_proj.weight': [hidden, dim],
  'mlp.up_proj.weight': [hidden, dim],
  'mlp.down_proj.weight': [dim, hidden],
});

/** Which tensors transformers' models have, by `model_type`: read from the modules that their sources construct. */
export const tensorNames: Readonly<
  Record<string, { readonly source: string; readonly options: Partial<ModelConfig>; readonly names: Names }>
> = {
  llama: { source: modeling('llama'), options: {}, names: llama },
  'llama with biases': {
    source: modeling('llama'),
    options: { attentionBias: true, outputBias: true, mlpBias: true },
    names: (sizes) => ({
      ...llama(sizes),
      'self_attn.q_proj.bias': [sizes.heads * sizes.headDim],
      'self_attn.k_proj.bias': [sizes.kvHeads * sizes.headDim],
      'self_attn.v_proj.bias': [sizes.kvHeads * sizes.headDim],
      'self_attn.o_proj.bias': [sizes.dim],
      'mlp.gate_proj.bias': [sizes.hidden],
      'mlp.up_proj.bias': [sizes.hidden],
      'mlp.down_proj.bias': [sizes.dim],
    }),
  },
  mistral: { source: modeling('mistral'), options: { slidingWindow: 24 }, names: llama },
  qwen2: {
    source: modeling('qwen2'),
    options: { attentionBias: true },
    names: (sizes) => ({
      ...llama(sizes),
      'self_attn.q_proj.bias': [sizes.heads * sizes.headDim],
      'self_attn.k_proj.bias': [sizes.kvHeads * sizes.headDim],
      'self_attn.v_proj.bias': [sizes.kvHeads * sizes.headDim],
    }),
  },
  qwen3: {
    source: modeling('qwen3'),
    options: { qkNorm: true },
    names: (sizes) => ({
      ...llama(sizes),
      'self_attn.q_norm.weight': [sizes.headDim],
      'self_attn.k_norm.weight': [sizes.headDim],
    }),
  },
};
