import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { countParameters, type ModelConfig } from './config.js';
import { readHuggingFaceConfig } from './hugging-face-config.js';
import type { ParameterPiece } from './parameter-pieces.js';
import { type ParameterEntry, ParameterLayout, type ParameterName } from './parameters.js';
import { isReadable, openSafetensors, readableTypes, type StoredTensor, tensorPieces } from './safetensors.js';

/**
 * The names of the tensors in `LlamaForCausalLM`, `MistralForCausalLM`, `Qwen2ForCausalLM` and `Qwen3ForCausalLM`, which are the same where
 * they have the same parameters. Those of layers stand behind `model.layers.N.`. To write a folder, walk the entries of a
 * `ParameterLayout` and look each name up here.
 */
export const tensorNames: Readonly<Record<ParameterName, string>> = {
  embedding: 'model.embed_tokens.weight',
  attentionNorm: 'input_layernorm.weight',
  wq: 'self_attn.q_proj.weight',
  wk: 'self_attn.k_proj.weight',
  wv: 'self_attn.v_proj.weight',
  wo: 'self_attn.o_proj.weight',
  bq: 'self_attn.q_proj.bias',
  bk: 'self_attn.k_proj.bias',
  bv: 'self_attn.v_proj.bias',
  bo: 'self_attn.o_proj.bias',
  qNorm: 'self_attn.q_norm.weight',
  kNorm: 'self_attn.k_norm.weight',
  feedForwardNorm: 'post_attention_layernorm.weight',
  w1: 'mlp.gate_proj.weight',
  w2: 'mlp.down_proj.weight',
  w3: 'mlp.up_proj.weight',
  b1: 'mlp.gate_proj.bias',
  b2: 'mlp.down_proj.bias',
  b3: 'mlp.up_proj.bias',
  finalNorm: 'model.norm.weight',
  head: 'lm_head.weight',
};

/** The name of a parameter in the files; `layer` -1 outside the layers. */
export function tensorName(name: string, layer: number): string {
  const known = tensorNames[name as ParameterName];
  return layer < 0 ? known : `model.layers.${layer}.${known}`;
}

/** Tensors that transformers ignores, too: computed tables, and the copy of a tied matrix. */
const isLeftAside = (name: string, { tiedHead }: ModelConfig): boolean =>
  name.endsWith('rotary_emb.inv_freq') || (tiedHead && name === tensorNames.head);

/** Whether the folder holds a model as Hugging Face's transformers save it. */
export const isHuggingFace = (folder: string): boolean => existsSync(join(folder, 'config.json'));

/** The parameters of a folder's model, found in its files. */
export interface HuggingFaceModel {
  readonly config: ModelConfig;
  /** Reads the parameters (F32, F16 or BF16). */
  pieces(): Generator<ParameterPiece>;
}

/**
 * Finds the parameters of a folder's model in its safetensors, without reading them.
 *
 * @throws As `readHuggingFaceConfig` and `openSafetensors`; `ERR_CHECKPOINT` where a tensor is missing, of another shape, or one
 * that the model does not have.
 */
export function openHuggingFace(folder: string): HuggingFaceModel {
  const config = readHuggingFaceConfig(folder);
  const tensors = openSafetensors(folder, (name) => isLeftAside(name, config));
  const layout = new ParameterLayout(config);
  const places = layout.entries.map((entry) => ({ ...entry, ...find(folder, tensors, entry, config) }));
  const known = new Set(places.map(({ stored }) => stored));
  const unknown = [...tensors.keys()].filter((name) => !known.has(name) && !isLeftAside(name, config));
  if (unknown.length > 0) {
    const more = unknown.length > SHOWN ? ` and ${unknown.length - SHOWN} more` : '';
    throw new MayflyError(
      'ERR_CHECKPOINT',
      `${folder}: Expected the tensors of the model in config.json only, got ${unknown.slice(0, SHOWN).join(', ')}${more}`,
    );
  }
  return {
    config,
    *pieces() {
      for (const { tensor, offset } of places) {
        for (const piece of tensorPieces(tensor)) yield { ...piece, offset: offset + piece.offset };
      }
    },
  };
}

/**
 * Reads the parameters of a folder's model into its flat block.
 *
 * @param target fp32, as many elements as the model has parameters.
 * @throws As `openHuggingFace`.
 */
export function importHuggingFace(folder: string, target: Float32Array): ModelConfig {
  const model = openHuggingFace(folder);
  const count = countParameters(model.config);
  if (target.length !== count) throw invalidArgument('target.length', String(count), target.length);
  for (const { offset, values } of model.pieces()) target.set(values, offset);
  return model.config;
}

/** Unknown tensors that an error names. */
const SHOWN = 10;

function find(
  folder: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  { name, layer, shape, decay }: ParameterEntry,
  { tiedHead }: ModelConfig,
): { readonly stored: string; readonly tensor: StoredTensor } {
  const own = tensorName(name, layer);
  // A tied matrix is saved once, under either name.
  const stored = name === 'embedding' && tiedHead && !tensors.has(own) ? tensorNames.head : own;
  const tensor = tensors.get(stored);
  const expected = `[${(decay ? shape : shape.slice(0, 1)).join(', ')}]`;
  const actual = tensor === undefined ? 'none' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  if (tensor !== undefined && isReadable(tensor) && actual.endsWith(` ${expected}`)) return { stored, tensor };
  throw new MayflyError(
    'ERR_CHECKPOINT',
    `${folder}: Expected a tensor ${own} of shape ${expected} and type ${readableTypes}, got ${actual}`,
  );
}
