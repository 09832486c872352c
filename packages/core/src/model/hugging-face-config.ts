import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { readJson } from '../files/read-file.js';
import { type FieldNames, type ModelConfig, unexpectedKey, validateConfig } from './config.js';
import { readRope, stretchedSequence } from './hugging-face-rope.js';

/**
 * Where `config.json` keeps the fields of a model. To write one: `max_position_embeddings` is `originalSequence` for a model with
 * `linear` or `dynamic` RoPE, else `sequence`; the scaling is `rope_scaling` (`hugging-face-rope.ts`); `model_type` says which options
 * a model may have.
 */
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
  slidingWindow: 'sliding_window',
  attentionBias: 'attention_bias',
  outputBias: 'attention_bias',
  mlpBias: 'mlp_bias',
} as const satisfies FieldNames;

type Json = Readonly<Record<string, unknown>>;
/** The value of a key, or the default of its family. */
type Value = (key: string) => unknown;

/** An architecture of transformers. */
interface Family {
  /** What transformers takes for keys that are absent. */
  readonly defaults: Json;
  /** The options of Llama's relatives that a config turns on, by what transformers reads; what it does not read has no effect. */
  readonly options: (value: Value) => Partial<Record<keyof ModelConfig, unknown>>;
}

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

const qwen: Json = {
  ...llama,
  ...{ num_key_value_heads: 32, max_position_embeddings: 32_768 },
  ...{ use_sliding_window: false, sliding_window: 4096, max_window_layers: 28 },
};

/** The families by `model_type`. SmolLM2 is a Llama. */
const families: ReadonlyMap<unknown, Family> = new Map<unknown, Family>([
  [
    'llama',
    {
      defaults: llama,
      options: (value) => ({ ...allBiases(value), mlpBias: value('mlp_bias') }),
    },
  ],
  [
    'mistral',
    {
      defaults: { ...llama, num_key_value_heads: 8, max_position_embeddings: 131_072, sliding_window: 4096 },
      options: (value) => ({ slidingWindow: value('sliding_window') }),
    },
  ],
  [
    'qwen2',
    {
      defaults: qwen,
      options: (value) => ({ attentionBias: true, slidingWindow: qwenWindow(value) }),
    },
  ],
  [
    'qwen3',
    {
      defaults: { ...qwen, head_dim: 128 },
      options: (value) => ({ ...allBiases(value), qkNorm: true, slidingWindow: qwenWindow(value) }),
    },
  ],
]);

const allBiases = (value: Value) => ({ attentionBias: value('attention_bias'), outputBias: value('attention_bias') });

/** Qwen's window holds from layer `max_window_layers` on, or where `layer_types` says so. */
function qwenWindow(value: Value): unknown {
  const used = value('use_sliding_window');
  if (typeof used !== 'boolean') throw unexpectedKey('use_sliding_window', [true, false], used);
  if (!used) return undefined;
  const layers = Number(value('num_hidden_layers'));
  const types = value('layer_types');
  if (types === undefined) {
    const full = value('max_window_layers');
    if (full === 0) return value('sliding_window');
    if (typeof full === 'number' && full >= layers) return undefined;
    throw unexpectedKey('max_window_layers', [0, layers], full);
  }
  const all = (type: string) => Array.isArray(types) && types.length === layers && types.every((each) => each === type);
  if (all('full_attention')) return undefined;
  if (all('sliding_attention')) return value('sliding_window');
  throw unexpectedKey('layer_types', [`${layers} times the same, full_attention or sliding_attention`], types);
}

/** The only values of keys that would change the mathematics. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ['silu', 'swish'],
  partial_rotary_factor: [1],
  quantization_config: [null],
};

/** Keys for which null is a value; for others it is the same as leaving them out. */
const nullable: ReadonlySet<string> = new Set(['num_key_value_heads', 'sliding_window']);

/**
 * The model that the `config.json` of a folder describes: a Llama (or SmolLM2), Mistral, Qwen2 or Qwen3. Keys that are absent or null
 * are as transformers takes them.
 *
 * @param file Its name. Default: `config.json`.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CONFIG`, which names the key, for another architecture, quantization, a window in
 * some layers only, or sizes that make no sense.
 */
export function readHuggingFaceConfig(folder: string, file = 'config.json'): ModelConfig {
  const path = join(folder, file);
  const json = readJson(path, 'ERR_CONFIG');
  try {
    return parseHuggingFaceConfig(json);
  } catch (cause) {
    throw new MayflyError('ERR_CONFIG', `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** As `readHuggingFaceConfig`, from the object in the file. */
export function parseHuggingFaceConfig(json: Json): ModelConfig {
  const family = families.get(json.model_type);
  if (family === undefined) throw unexpectedKey('model_type', [...families.keys()], json.model_type);
  const value = (key: string): unknown =>
    json[key] === undefined || (json[key] === null && !nullable.has(key)) ? family.defaults[key] : json[key];
  for (const [key, allowed] of Object.entries(required)) {
    const actual = value(key) ?? null;
    if (!allowed.includes(actual)) throw unexpectedKey(key, allowed, actual);
  }
  const dim = value(names.dim);
  const heads = value(names.heads);
  const headDim = value(names.headDim);
  const context = value(names.sequence);
  const rope = readRope(json, context);
  const sequence = stretchedSequence(context, rope.scaling);
  const options = Object.entries<unknown>({ ropeScaling: rope.scaling, ...family.options(value) }).filter(
    ([, option]) => option !== undefined && option !== null && option !== false,
  );
  const config = {
    dim,
    hidden: value(names.hidden),
    layers: value(names.layers),
    heads,
    kvHeads: value(names.kvHeads) ?? heads,
    headDim: headDim ?? Number(dim) / Number(heads),
    vocab: value(names.vocab),
    sequence,
    eps: value(names.eps),
    ropeBase: rope.base ?? value(names.ropeBase),
    ropePairing: 'half',
    tiedHead: value(names.tiedHead),
    ...Object.fromEntries(options),
  } as ModelConfig;
  const derived = headDim === undefined ? { headDim: `${names.dim} / ${names.heads}` } : {};
  const { slidingWindow, ...windowless } = validateConfig(config, { ...names, ...derived, ...rope.names });
  // A window that no text outgrows changes nothing.
  return slidingWindow !== undefined && slidingWindow < config.sequence ? config : windowless;
}
