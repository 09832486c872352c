import type { ModelConfig } from '../model/config.js';
import type { CarriedTokenizer } from './carried-tokenizer.js';
import type { FilePlan } from './file-plan.js';
import { type GgufTensor, type GgufValue, ggufFile } from './gguf-file.js';
import { ggufShape } from './gguf-shape.js';
import { ggufTokenizer } from './gguf-tokenizer.js';
import { modelTensors } from './model-tensors.js';
import { type ExportDtype, Q8_BLOCK } from './number-format.js';

// Names and keys as in llama.cpp: https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py

const outside: Readonly<Record<string, string>> = {
  embedding: 'token_embd.weight',
  finalNorm: 'output_norm.weight',
  head: 'output.weight',
};

/** Behind `blk.N.`. */
const inLayers: Readonly<Record<string, string>> = {
  attentionNorm: 'attn_norm.weight',
  wq: 'attn_q.weight',
  wk: 'attn_k.weight',
  wv: 'attn_v.weight',
  wo: 'attn_output.weight',
  feedForwardNorm: 'ffn_norm.weight',
  w1: 'ffn_gate.weight',
  w2: 'ffn_down.weight',
  w3: 'ffn_up.weight',
  bq: 'attn_q.bias',
  bk: 'attn_k.bias',
  bv: 'attn_v.bias',
  bo: 'attn_output.bias',
  qNorm: 'attn_q_norm.weight',
  kNorm: 'attn_k_norm.weight',
  b1: 'ffn_gate.bias',
  b2: 'ffn_down.bias',
  b3: 'ffn_up.bias',
};

/** llama.cpp's numbers of the types of files. */
const fileTypes: Readonly<Record<ExportDtype, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 };

export interface GgufSettings {
  readonly dtype: ExportDtype;
  /** Of the model, for people. */
  readonly title: string;
}

/** A file for llama.cpp. */
export interface GgufModel {
  readonly file: FilePlan;
  /** Where llama.cpp will not do as Mayfly does. */
  readonly warnings: readonly string[];
}

/**
 * A model as llama.cpp reads it, in one file.
 *
 * @throws As `ggufShape` and `ggufTokenizer`.
 */
export function ggufModel(
  name: string,
  config: ModelConfig,
  parameters: Float32Array,
  tokenizer: CarriedTokenizer | undefined,
  { dtype, title }: GgufSettings,
): GgufModel {
  const shape = ggufShape(config);
  const tensors = modelTensors(config, parameters, shape.pairing).map(
    ({ name: parameter, layer, ...tensor }): GgufTensor => ({
      ...tensor,
      name: layer < 0 ? outside[parameter]! : `blk.${layer}.${inLayers[parameter]!}`,
      dtype: tensorDtype(dtype, tensor.shape),
    }),
  );
  const vocabulary =
    tokenizer === undefined
      ? { metadata: { 'tokenizer.ggml.model': { string: 'none' } }, warnings: [] }
      : ggufTokenizer(tokenizer, config.vocab);
  const metadata: Record<string, GgufValue> = {
    'general.architecture': { string: shape.architecture },
    'general.type': { string: 'model' },
    'general.name': { string: title },
    'general.file_type': { u32: fileTypes[dtype] },
    ...(dtype === 'q8_0' ? { 'general.quantization_version': { u32: 2 } } : {}),
    ...shape.metadata,
    ...vocabulary.metadata,
  };
  return {
    file: ggufFile(name, metadata, [...shape.tensors, ...tensors]),
    warnings: [...shape.warnings, ...vocabulary.warnings],
  };
}

/** Vectors stay in fp32, as llama.cpp's own converter has it; so do rows that Q8_0's blocks do not fill, in fp16. */
function tensorDtype(dtype: ExportDtype, shape: readonly number[]): ExportDtype {
  if (shape.length === 1) return 'f32';
  return dtype === 'q8_0' && shape.at(-1)! % Q8_BLOCK !== 0 ? 'f16' : dtype;
}
