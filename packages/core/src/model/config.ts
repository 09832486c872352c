import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';

/** Shape of a Llama-family decoder: RMSNorm, RoPE, grouped-query attention, SwiGLU. Sizes count elements. */
export interface ModelConfig {
  /** Width of the residual stream. */
  readonly dim: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly layers: number;
  /** Query heads; a multiple of `kvHeads`. Query head h attends with key/value head ⌊h·kvHeads/heads⌋. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocab: number;
  /** Longest context, in tokens. */
  readonly sequence: number;
  /** Added to the mean square in RMSNorm. */
  readonly eps: number;
  readonly ropeBase: number;
  /** `interleaved` rotates (2i, 2i+1), as llama2.c does; `half` rotates (i, i + headDim/2), as Hugging Face does. */
  readonly ropePairing: 'interleaved' | 'half';
  /** The classifier is the embedding table. */
  readonly tiedHead: boolean;
}

/** A value that a field may have, in words and as a test. */
interface Rule<Value> {
  readonly expected: string;
  readonly holds: (value: Value) => boolean;
}

const size = (largest: number): Rule<unknown> => ({
  expected: `a whole number from 1 to ${largest}`,
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= largest,
});

const positive: Rule<unknown> = {
  expected: 'a number above 0',
  holds: (value) => Number.isFinite(value) && (value as number) > 0,
};

/** What each field may be. The largest sizes lie far above all known models: beyond them a file is damaged or hostile. */
const fields: Readonly<Record<keyof ModelConfig, Rule<unknown>>> = {
  dim: size(2 ** 20),
  hidden: size(2 ** 22),
  layers: size(2 ** 14),
  heads: size(2 ** 14),
  kvHeads: size(2 ** 14),
  headDim: size(2 ** 16),
  vocab: size(2 ** 24),
  sequence: size(2 ** 30),
  eps: positive,
  ropeBase: positive,
  ropePairing: { expected: 'interleaved or half', holds: (value) => value === 'interleaved' || value === 'half' },
  tiedHead: { expected: 'true or false', holds: (value) => typeof value === 'boolean' },
};

/** Rules between fields, each of which is right by itself. */
const relations: readonly {
  readonly field: keyof ModelConfig;
  readonly rule: (config: ModelConfig, names: FieldNames) => Rule<ModelConfig>;
}[] = [
  {
    field: 'heads',
    rule: ({ kvHeads }, names) => ({
      expected: `a multiple of ${names.kvHeads ?? 'kvHeads'} ${kvHeads}`,
      holds: ({ heads }) => heads % kvHeads === 0,
    }),
  },
  {
    field: 'headDim',
    rule: () => ({ expected: 'even, since RoPE rotates pairs', holds: ({ headDim }) => headDim % 2 === 0 }),
  },
  {
    field: 'layers',
    rule: (config) => ({
      expected: `so few that there are at most ${LARGEST} parameters (here ${countParameters(config)})`,
      holds: () => countParameters(config) <= LARGEST,
    }),
  },
];

/** 4 TiB of fp32. */
const LARGEST = 2 ** 40;

/** The names of fields in a file; a field that is left out has its own name. */
export type FieldNames = Readonly<Partial<Record<keyof ModelConfig, string>>>;

/**
 * Returns `config` if every field makes sense. Call it before anything is allocated in the sizes of a config.
 *
 * @param names For errors.
 * @throws `ERR_CONFIG`, which names the first field that does not.
 */
export function validateConfig(config: ModelConfig, names: FieldNames = {}): ModelConfig {
  for (const field of Object.keys(fields) as (keyof ModelConfig)[]) {
    expect(field, fields[field], config[field], config[field], names);
  }
  for (const { field, rule } of relations) expect(field, rule(config, names), config, config[field], names);
  return config;
}

function expect<Value>(
  field: keyof ModelConfig,
  { expected, holds }: Rule<Value>,
  tested: Value,
  actual: unknown,
  names: FieldNames,
): void {
  if (holds(tested)) return;
  const name = names[field] ?? field;
  throw new MayflyError('ERR_CONFIG', `Expected ${name} to be ${expected}, got ${describeValue(actual)}`);
}

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

/** Parameters of a model: what `ParameterLayout.count` says, without laying them out. */
export function countParameters(config: ModelConfig): number {
  const { dim, hidden, layers, heads, kvHeads, headDim, vocab, tiedHead } = config;
  const attention = dim * headDim * 2 * (heads + kvHeads);
  const feedForward = 3 * dim * hidden;
  return vocab * dim * (tiedHead ? 1 : 2) + layers * (attention + feedForward + 2 * dim) + dim;
}
