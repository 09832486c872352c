import type { ModelConfig } from './config.js';

/** What all models of Karpathy's llama2.c share. */
const llama2c = { eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: true } as const;

/** Model shapes by the name that `--model` takes. */
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
  /**
   * The shape of Qwen3-0.6B (Yang et al. 2025): 596,042,752 parameters, RoPE as in the real one. It has no q/k-norm and a
   * context of 1,024 (the real one: 32,768), so the published weights do not fit it.
   */
  'qwen3-0.6b': {
    dim: 1024,
    hidden: 3072,
    layers: 28,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    vocab: 151_936,
    sequence: 1024,
    eps: 1e-6,
    ropeBase: 1_000_000,
    ropePairing: 'half',
    tiedHead: true,
  },
} as const satisfies Record<string, ModelConfig>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/** Whether `name` is the name of a preset, as `presets` lists them. */
export function isPreset(name: string): name is PresetName {
  return Object.hasOwn(presets, name);
}
