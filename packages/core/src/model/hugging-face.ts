import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { isRecord, readJson } from '../data/read-json.js';
import type { ModelConfig } from './config.js';
import { type ParameterEntry, ParameterLayout, type ParameterName } from './parameters.js';
import { isReadable, openSafetensors, readableTypes, readTensor, type StoredTensor } from './safetensors.js';
import { validateConfig } from './validate-config.js';

/** Names of Hugging Face's `LlamaForCausalLM`; those of layers stand behind `model.layers.N.`. */
const tensorNames: Readonly<Record<ParameterName, string>> = {
  embedding: 'model.embed_tokens.weight',
  attentionNorm: 'input_layernorm.weight',
  wq: 'self_attn.q_proj.weight',
  wk: 'self_attn.k_proj.weight',
  wv: 'self_attn.v_proj.weight',
  wo: 'self_attn.o_proj.weight',
  feedForwardNorm: 'post_attention_layernorm.weight',
  w1: 'mlp.gate_proj.weight',
  w2: 'mlp.down_proj.weight',
  w3: 'mlp.up_proj.weight',
  finalNorm: 'model.norm.weight',
  head: 'lm_head.weight',
};

/** What this decoder does not do: a config that asks for it is refused. */
const unsupported: Readonly<Record<string, (value: unknown) => boolean>> = {
  model_type: (type) => type !== 'llama',
  hidden_act: (act) => act !== 'silu',
  attention_bias: (bias) => bias === true,
  mlp_bias: (bias) => bias === true,
  rope_scaling: (scaling) => scaling !== null && scaling !== undefined,
  rope_parameters: (rope) => rope !== undefined && !(isRecord(rope) && rope.rope_type === 'default'),
};

/** Whether the folder holds a model as Hugging Face's transformers save it. */
export const isHuggingFace = (folder: string): boolean => existsSync(join(folder, 'config.json'));

/**
 * The model that the `config.json` of a folder describes: Llama without biases and without scaled RoPE.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CONFIG` for another architecture or sizes that make no sense.
 */
export function readHuggingFaceConfig(folder: string): ModelConfig {
  const path = join(folder, 'config.json');
  const json = readJson(path, 'ERR_CONFIG');
  for (const [name, isUnsupported] of Object.entries(unsupported)) {
    if (!isUnsupported(json[name])) continue;
    const expected = 'a Llama model with silu, without biases and without scaled RoPE';
    throw new MayflyError('ERR_CONFIG', `${path}: Expected ${expected}, got ${name} ${JSON.stringify(json[name])}`);
  }
  // Transformers 5 writes `rope_parameters` where earlier releases wrote `rope_theta` and `rope_scaling`.
  const rope = isRecord(json.rope_parameters) ? json.rope_parameters : json;
  const { hidden_size: dim, num_attention_heads: heads, num_key_value_heads: kvHeads = heads } = json;
  const config = {
    dim,
    hidden: json.intermediate_size,
    layers: json.num_hidden_layers,
    heads,
    kvHeads,
    headDim: json.head_dim ?? Number(dim) / Number(heads),
    vocab: json.vocab_size,
    sequence: json.max_position_embeddings,
    eps: json.rms_norm_eps,
    ropeBase: rope.rope_theta ?? 10_000,
    ropePairing: 'half',
    tiedHead: json.tie_word_embeddings ?? false,
  };
  try {
    return validateConfig(config as ModelConfig);
  } catch (cause) {
    throw new MayflyError('ERR_CONFIG', `${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads the parameters of a folder's safetensors (F32, F16 or BF16) into the flat block of its model.
 *
 * @param target fp32, as many elements as the model has parameters.
 * @throws As `readHuggingFaceConfig` and `openSafetensors`; `ERR_CHECKPOINT` where a tensor is missing or of another shape.
 */
export function importHuggingFace(folder: string, target: Float32Array): ModelConfig {
  const config = readHuggingFaceConfig(folder);
  const layout = new ParameterLayout(config);
  if (target.length !== layout.count) throw invalidArgument('target.length', String(layout.count), target.length);
  const tensors = openSafetensors(folder);
  for (const entry of layout.entries) {
    const tensor = find(folder, tensors, entry, config);
    readTensor(tensor, target.subarray(entry.offset, entry.offset + entry.count));
  }
  return config;
}

function find(
  folder: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  { name, layer, shape }: ParameterEntry,
  { tiedHead }: ModelConfig,
): StoredTensor {
  const stored = layer < 0 ? tensorNames[name] : `model.layers.${layer}.${tensorNames[name]}`;
  // A tied matrix is saved once, under either name.
  const tensor = tensors.get(stored) ?? (name === 'embedding' && tiedHead ? tensors.get(tensorNames.head) : undefined);
  const [rows, columns] = shape;
  const expected = columns === 1 ? `[${rows}]` : `[${rows}, ${columns}]`;
  const actual = tensor === undefined ? 'none' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  if (tensor !== undefined && isReadable(tensor) && actual.endsWith(` ${expected}`)) return tensor;
  throw new MayflyError(
    'ERR_CHECKPOINT',
    `${folder}: Expected a tensor ${stored} of shape ${expected} and type ${readableTypes}, got ${actual}`,
  );
}
