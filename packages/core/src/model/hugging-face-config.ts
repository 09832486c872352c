import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord, readJson } from '../files/read-file.js';
import { type FieldNames, type ModelConfig, validateConfig } from './config.js';

/** Where `config.json` keeps the fields of a model. */
const names = {
  dim: 'hidden_size',
  hidden: 'intermediate_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headDim: 'head_dim',
  vocab: 'vocab_size',
  sequence: 'max_position_embeddings',
  eps: 'rms_norm_eps',
  ropeBase: 'rope_theta',
  tiedHead: 'tie_word_embeddings',
} as const satisfies FieldNames;

type Json = Readonly<Record<string, unknown>>;

const llama: Json = {
  num_key_value_heads: null,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: false,
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  partial_rotary_factor: 1,
};

/** The architectures whose mathematics is Llama's, with what transformers takes for keys that are absent. */
const architectures: ReadonlyMap<unknown, Json> = new Map([
  ['llama', llama],
  ['mistral', { ...llama, num_key_value_heads: 8, max_position_embeddings: 131_072, sliding_window: 4096 }],
]);

/** The only values of keys that would change the mathematics. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ['silu', 'swish'],
  attention_bias: [false],
  mlp_bias: [false],
  partial_rotary_factor: [1],
  quantization_config: [null],
};

/** Keys for which null is a value; for others it is the same as leaving them out. */
const nullable: ReadonlySet<string> = new Set(['num_key_value_heads', 'sliding_window']);

/**
 * The model that the `config.json` of a folder describes: a Llama or a Mistral without a window, without biases, scaled RoPE
 * or quantization. Keys that are absent or null are as transformers takes them.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CONFIG`, which names the key, for another architecture or sizes that make no
 * sense.
 */
export function readHuggingFaceConfig(folder: string): ModelConfig {
  const path = join(folder, 'config.json');
  const json = readJson(path, 'ERR_CONFIG');
  try {
    return toModelConfig(json);
  } catch (cause) {
    throw new MayflyError('ERR_CONFIG', `${path}: ${(cause as Error).message}`, { cause });
  }
}

function toModelConfig(json: Json): ModelConfig {
  const defaults = architectures.get(json.model_type);
  if (defaults === undefined) throw unexpected('model_type', [...architectures.keys()], json.model_type);
  const value = (key: string): unknown =>
    json[key] === undefined || (json[key] === null && !nullable.has(key)) ? defaults[key] : json[key];
  for (const [key, allowed] of Object.entries(required)) {
    const actual = value(key) ?? null;
    if (!allowed.includes(actual)) throw unexpected(key, allowed, actual);
  }
  const dim = value(names.dim);
  const heads = value(names.heads);
  const headDim = value(names.headDim);
  const config = {
    dim,
    hidden: value(names.hidden),
    layers: value(names.layers),
    heads,
    kvHeads: value(names.kvHeads) ?? heads,
    headDim: headDim ?? Number(dim) / Number(heads),
    vocab: value(names.vocab),
    sequence: value(names.sequence),
    eps: value(names.eps),
    ropeBase: ropeBase(json) ?? value(names.ropeBase),
    ropePairing: 'half',
    tiedHead: value(names.tiedHead),
  } as ModelConfig;
  validateConfig(config, headDim === undefined ? { ...names, headDim: `${names.dim} / ${names.heads}` } : names);
  const window = value('sliding_window') ?? null;
  // A window that no text outgrows changes nothing. Llama has none, whatever its config says.
  if (defaults.sliding_window !== undefined && window !== null && !isNoWindow(window, config)) {
    throw unexpected('sliding_window', [null], window);
  }
  return config;
}

const isNoWindow = (window: unknown, { sequence }: ModelConfig): boolean =>
  typeof window === 'number' && window >= sequence;

/**
 * The base in `rope_scaling`, or else in `rope_parameters`, where transformers 5 keeps it; undefined where it is on top, as
 * transformers 4 has it.
 */
function ropeBase(json: Json): unknown {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const rope = json[key] ?? {};
    if (!isRecord(rope)) throw unexpected(key, [null], rope);
    if (Object.keys(rope).length === 0) continue;
    const isDefault =
      (rope.rope_type ?? rope.type ?? 'default') === 'default' && (rope.partial_rotary_factor ?? 1) === 1;
    // Some models have a set of their own for each kind of layer.
    if (!isDefault || Object.values(rope).some(isRecord)) throw unexpected(key, [{ rope_type: 'default' }], rope);
    return rope.rope_theta ?? undefined;
  }
  return undefined;
}

function unexpected(key: string, allowed: readonly unknown[], actual: unknown): MayflyError {
  const expected = allowed.map(describeValue).join(' or ');
  return new MayflyError('ERR_CONFIG', `Expected ${key} to be ${expected}, got ${key} ${describeValue(actual)}`);
}
