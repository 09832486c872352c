import { MayflyError } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { type RopeScaling, ropeTurns, yarnAttentionFactor } from '../model/rope.js';
import type { GgufTensor, GgufValue } from './gguf-file.js';

/** A model's shape for llama.cpp. */
export interface GgufShape {
  /** llama.cpp's name of the architecture. */
  readonly architecture: string;
  /** The order of queries and keys there. */
  readonly pairing: ModelConfig['ropePairing'];
  /** The keys that begin with the architecture. */
  readonly metadata: Readonly<Record<string, GgufValue>>;
  /** Tensors that no parameter is. */
  readonly tensors: readonly GgufTensor[];
  /** Where llama.cpp will not do as Mayfly does. */
  readonly warnings: readonly string[];
}

/** @throws `ERR_CONFIG` for a set of options that no architecture of llama.cpp has. */
export function ggufShape(config: ModelConfig): GgufShape {
  const { headDim, slidingWindow, ropeScaling: scaling } = config;
  const architecture = architectureOf(config);
  const { context, warning } = contextOf(config);
  const keys: Record<string, GgufValue> = {
    context_length: { u32: context },
    embedding_length: { u32: config.dim },
    block_count: { u32: config.layers },
    feed_forward_length: { u32: config.hidden },
    'attention.head_count': { u32: config.heads },
    'attention.head_count_kv': { u32: config.kvHeads },
    'attention.key_length': { u32: headDim },
    'attention.value_length': { u32: headDim },
    'attention.layer_norm_rms_epsilon': { f32: config.eps },
    ...(slidingWindow === undefined ? {} : { 'attention.sliding_window': { u32: slidingWindow } }),
    'rope.dimension_count': { u32: headDim },
    'rope.freq_base': { f32: config.ropeBase },
    ...scalingKeys(scaling),
    vocab_size: { u32: config.vocab },
  };
  return {
    architecture,
    pairing: architecture === 'llama' ? 'interleaved' : 'half',
    metadata: Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value])),
    tensors: needsFactors(scaling) ? [frequencyFactors(config)] : [],
    warnings: warning === undefined ? [] : [warning],
  };
}

/**
 * `llama` has all biases and tables of frequencies, `qwen2` biases of queries, keys and values, `qwen3` norms of queries and keys. A
 * Mistral is a `llama` there.
 */
function architectureOf(config: ModelConfig): string {
  if (config.unrotatedLayers !== undefined)
    throw new MayflyError('ERR_CONFIG', 'Expected a model with RoPE in all layers for GGUF. Export it as hf');
  const { qkNorm, attentionBias, outputBias, mlpBias, ropeScaling } = config;
  const isPlain = !outputBias && !mlpBias && !needsFactors(ropeScaling);
  if (!qkNorm) return attentionBias && isPlain ? 'qwen2' : 'llama';
  if (isPlain && !attentionBias) return 'qwen3';
  const used: readonly (readonly [string, boolean | undefined])[] = [
    ['biases of queries, keys and values', attentionBias],
    ["a bias of attention's output", outputBias],
    ['biases of the feed-forward half', mlpBias],
    [`RoPE scaled by ${ropeScaling?.type}`, needsFactors(ropeScaling)],
  ];
  const names = used.flatMap(([name, isUsed]) => (isUsed ? [name] : []));
  const expected = 'a model that llama.cpp has an architecture for: with norms of queries and keys that is qwen3';
  throw new MayflyError('ERR_CONFIG', `Expected ${expected}, which has no ${names.join(' and no ')}. Export it as hf`);
}

/** llama.cpp has no window in these architectures, and no base that grows: up to some length they change nothing. */
function contextOf({ sequence, slidingWindow, ropeScaling }: ModelConfig): { context: number; warning?: string } {
  const original = ropeScaling?.type === 'dynamic' ? ropeScaling.originalSequence : sequence;
  const context = Math.min(original, slidingWindow ?? original);
  if (context === sequence) return { context };
  const cause = context < original ? 'no sliding window' : 'no dynamic RoPE';
  return { context, warning: `llama.cpp has ${cause} here: its results are the model's up to ${context} tokens` };
}

/** Whether the frequencies are given as factors, pair by pair: llama.cpp has one ramp of YaRN only, which it rounds to whole pairs. */
function needsFactors(scaling: RopeScaling | undefined): boolean {
  if (scaling?.type !== 'yarn') return scaling?.type === 'llama3';
  return !scaling.truncate || scaling.betaFast !== 32 || scaling.betaSlow !== 1;
}

function scalingKeys(scaling: RopeScaling | undefined): Record<string, GgufValue> {
  if (scaling === undefined || scaling.type === 'dynamic' || scaling.type === 'llama3') return {};
  // llama.cpp multiplies this factor by YaRN's own, where it scales by the rule of YaRN.
  const attention = (own: number): Record<string, GgufValue> =>
    scaling.type === 'yarn' ? { 'rope.scaling.attn_factor': { f32: scaling.attentionFactor / own } } : {};
  if (needsFactors(scaling)) return attention(1);
  return {
    'rope.scaling.type': { string: scaling.type },
    'rope.scaling.factor': { f32: scaling.factor },
    'rope.scaling.original_context_length': { u32: scaling.originalSequence },
    ...attention(yarnAttentionFactor(scaling.factor)),
  };
}

/** By how much each pair turns slower than without scaling. */
function frequencyFactors(config: ModelConfig): GgufTensor {
  const plain = ropeTurns({ ...config, ropeScaling: undefined }, config.sequence).frequencies;
  const scaled = ropeTurns(config, config.sequence).frequencies;
  const values = Float32Array.from(plain, (frequency, pair) => frequency / scaled[pair]!);
  return {
    name: 'rope_freqs.weight',
    shape: [values.length],
    count: values.length,
    dtype: 'f32',
    values: () => values,
  };
}
