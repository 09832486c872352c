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

/** As configuration_smollm3.py of transformers has them. */
const smollm3: Json = {
  ...llama,
  ...{ num_key_value_heads: 4, max_position_embeddings: 32_768, rope_theta: 2_000_000, tie_word_embeddings: true },
  ...{ use_sliding_window: false, no_rope_layer_interval: 4 },
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
      options: (value) => ({ attentionBias: true, ...qwenWindow(value) }),
    },
  ],
  [
    'qwen3',
    {
      defaults: { ...qwen, head_dim: 128 },
      options: (value) => ({ ...allBiases(value), qkNorm: true, ...qwenWindow(value) }),
    },
  ],
  [
    'smollm3',
    {
      defaults: smollm3,
      options: (value) => ({ ...allBiases(value), mlpBias: value('mlp_bias'), ...unrotatedLayers(value) }),
    },
  ],
]);

const allBiases = (value: Value) => ({ attentionBias: value('attention_bias'), outputBias: value('attention_bias') });

/** Qwen's window holds from layer `max_window_layers` on, or where `layer_types` says so. */
function qwenWindow(value: Value): Partial<Record<keyof ModelConfig, unknown>> {
  const used = value('use_sliding_window');
  if (typeof used !== 'boolean') throw unexpectedKey('use_sliding_window', [true, false], used);
  if (!used) return {};
  const layers = Number(value('num_hidden_layers'));
  const types = value('layer_types');
  if (types === undefined) {
    const full = value('max_window_layers');
    if (!Number.isSafeInteger(full) || Number(full) < 0)
      throw unexpectedKey('max_window_layers', ['a whole number from 0 up'], full);
    return windowBut(layers, value('sliding_window'), (layer) => layer < Number(full));
  }
  if (!Array.isArray(types) || types.length !== layers || !types.every((type) => layerTypes.includes(type)))
    throw unexpectedKey('layer_types', [`${layers} times ${layerTypes.join(' or ')}`], types);
  return windowBut(layers, value('sliding_window'), (layer) => types[layer] === 'full_attention');
}

/** Of `no_rope_layers` 0 is a layer without RoPE; by default it is every fourth. */
function unrotatedLayers(value: Value): Partial<Record<keyof ModelConfig, unknown>> {
  const used = value('use_sliding_window');
  if (used !== false) throw unexpectedKey('use_sliding_window', [false], used);
  const layers = Number(value('num_hidden_layers'));
  const flags = value('no_rope_layers');
  const interval = value('no_rope_layer_interval');
  if (flags === undefined) {
    if (!Number.isSafeInteger(interval) || Number(interval) < 1)
      throw unexpectedKey('no_rope_layer_interval', ['a whole number from 1 up'], interval);
    return { unrotatedLayers: layersWhere(layers, (layer) => (layer + 1) % Number(interval) === 0) };
  }
  if (!Array.isArray(flags) || flags.length < layers || !flags.every((each) => each === 0 || each === 1))
    throw unexpectedKey('no_rope_layers', [`${layers} times 0 or 1`], flags);
  return { unrotatedLayers: layersWhere(layers, (layer) => flags[layer] === 0) };
}

const layerTypes: readonly unknown[] = ['full_attention', 'sliding_attention'];

/** A window in all layers but some; none where it is in no layer. */
function windowBut(layers: number, slidingWindow: unknown, isFull: (layer: number) => boolean) {
  const fullLayers = layersWhere(layers, isFull);
  return fullLayers?.length === layers ? {} : { slidingWindow, fullLayers };
}

/** Undefined where there is none. A number of layers that makes no sense is found later. */
function layersWhere(layers: number, holds: (layer: number) => boolean): number[] | undefined {
  const count = Number.isSafeInteger(layers) && layers <= MOST_LAYERS ? layers : 0;
  const found = Array.from({ length: Math.max(0, count) }, (_, layer) => layer).filter(holds);
  return found.length === 0 ? undefined : found;
}

const MOST_LAYERS = 2 ** 14;

/** The only values of keys that would change the mathematics. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ['silu', 'swish'],
  partial_rotary_factor: [1],
  quantization_config: [null],
};

/** Keys for which null is a value; for others it is the same as leaving them out. */
const nullable: ReadonlySet<string> = new Set(['num_key_value_heads', 'sliding_window']);

/**
 * The model that the `config.json` of a folder describes: a Llama (or SmolLM2), Mistral, Qwen2, Qwen3 or SmolLM3. Keys that are absent or null
 * are as transformers takes them.
 *
 * @param file Its name. Default: `config.json`.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CONFIG`, which names the key, for another architecture, quantization, or sizes that make no sense.
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
  const {
    slidingWindow,
    fullLayers: _,
    ...windowless
  } = validateConfig(config, { ...names, ...derived, ...rope.names });
  // A window that no text outgrows changes nothing.
  return slidingWindow !== undefined && slidingWindow < config.sequence ? config : windowless;
}
