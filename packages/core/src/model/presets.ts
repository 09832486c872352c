import type { ModelConfig } from './config.js';

/** What all models of Karpathy's llama2.c share. */
const llama2c = { eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true } as const;

/**
 * Model shapes by the name that `--model` takes. Those of Hugging Face's models follow the `config.json` of HuggingFaceTB/SmolLM2-135M,
 * Qwen/Qwen2.5-0.5B, Qwen/Qwen3-0.6B, meta-llama/Llama-3.2-1B, meta-llama/Llama-2-7b-hf and mistralai/Mistral-7B-v0.1.
 */
export const presets = {
  /** Byte-level, 115,008 parameters: for tests, documentation and first tries. */
  tiny: { dim: 64, hidden: 192, layers: 2, heads: 4, kvHeads: 2, headDim: 16, vocab: 256, sequence: 128, ...llama2c },
  /** llama2.c's smallest TinyStories model: 260,032 parameters, grouped-query attention. */
  stories260k: {
    dim: 64,
    hidden: 172,
    layers: 5,
    heads: 8,
    kvHeads: 4,
    headDim: 8,
    vocab: 512,
    sequence: 512,
    ...llama2c,
  },
  /** llama2.c's 15M: 15,191,712 parameters. */
  stories15m: {
    dim: 288,
    hidden: 768,
    layers: 6,
    heads: 6,
    kvHeads: 6,
    headDim: 48,
    vocab: 32_000,
    sequence: 256,
    ...llama2c,
  },
  /** llama2.c's 110M: 109,529,856 parameters. */
  stories110m: {
    dim: 768,
    hidden: 2048,
    layers: 12,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    vocab: 32_000,
    sequence: 1024,
    ...llama2c,
  },
  /** SmolLM2-135M (Allal et al. 2025): 134,515,008 parameters. */
  'smollm2-135m': {
    ...{ dim: 576, hidden: 1536, layers: 30, heads: 9, kvHeads: 3, headDim: 64, vocab: 49_152, sequence: 8192 },
    ...{ eps: 1e-5, ropeBase: 100_000, ropePairing: 'half', tiedHead: true },
  },
  /** Qwen2.5-0.5B (Yang et al. 2024): 494,032,768 parameters. */
  'qwen2.5-0.5b': {
    ...{ dim: 896, hidden: 4864, layers: 24, heads: 14, kvHeads: 2, headDim: 64, vocab: 151_936, sequence: 32_768 },
    ...{ eps: 1e-6, ropeBase: 1_000_000, ropePairing: 'half', tiedHead: true, attentionBias: true },
  },
  /** Qwen3-0.6B (Yang et al. 2025): 596,049,920 parameters. */
  'qwen3-0.6b': {
    ...{ dim: 1024, hidden: 3072, layers: 28, heads: 16, kvHeads: 8, headDim: 128, vocab: 151_936, sequence: 40_960 },
    ...{ eps: 1e-6, ropeBase: 1_000_000, ropePairing: 'half', tiedHead: true, qkNorm: true },
  },
  /** Llama 3.2 1B (Meta 2024): 1,235,814,400 parameters. */
  'llama-3.2-1b': {
    ...{ dim: 2048, hidden: 8192, layers: 16, heads: 32, kvHeads: 8, headDim: 64, vocab: 128_256, sequence: 131_072 },
    ...{ eps: 1e-5, ropeBase: 500_000, ropePairing: 'half', tiedHead: true },
    ropeScaling: {
      type: 'llama3',
      ...{ factor: 32, originalSequence: 8192, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
    },
  },
  /** Llama 2 7B (Touvron et al. 2023): 6,738,415,616 parameters. */
  'llama-2-7b': {
    ...{ dim: 4096, hidden: 11_008, layers: 32, heads: 32, kvHeads: 32, headDim: 128, vocab: 32_000, sequence: 4096 },
    ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: false },
  },
  /** Mistral 7B v0.1 (Jiang et al. 2023): 7,241,732,096 parameters. */
  'mistral-7b': {
    ...{ dim: 4096, hidden: 14_336, layers: 32, heads: 32, kvHeads: 8, headDim: 128, vocab: 32_000, sequence: 32_768 },
    ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'half', tiedHead: false, slidingWindow: 4096 },
  },
} as const satisfies Record<string, ModelConfig>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/** Whether `name` is the name of a preset, as `presets` lists them. */
export function isPreset(name: string): name is PresetName {
  return Object.hasOwn(presets, name);
}
