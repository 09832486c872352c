import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import type { RopeScaling } from './rope.js';

/**
 * Shape of a Llama-family decoder: RMSNorm, RoPE, grouped-query attention, SwiGLU, and the options of its relatives (Mistral,
 * Qwen). Sizes count elements. An option that is absent is off.
 */
export interface ModelConfig {
  /** Width of the residual stream. */
  readonly dim: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly layers: number;
  /** Query heads; a multiple of `kvHeads`. Query head h attends with key/value head ⌊h·kvHeads/heads⌋. */
  readonly heads: number;
  readonly kvHeads: number;
  /** Elements of a head; need not be dim / heads. */
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
  /** How RoPE is stretched beyond the original context. `sequence` is the stretched context. */
  readonly ropeScaling?: RopeScaling | undefined;
  /** Sliding-window attention: a query attends with so many keys, its own included, in all layers but `fullLayers`. */
  readonly slidingWindow?: number | undefined;
  /** Indices of the layers without the window, ascending. Absent: none. */
  readonly fullLayers?: readonly number[] | undefined;
  /** Indices of the layers without RoPE (NoPE, Kazemnejad et al. 2023), ascending. Absent: none. */
  readonly unrotatedLayers?: readonly number[] | undefined;
  /** The projections to queries, keys and values have biases. */
  readonly attentionBias?: boolean | undefined;
  /** The projection behind attention has a bias. */
  readonly outputBias?: boolean | undefined;
  /** The three projections of the feed-forward layer have biases. */
  readonly mlpBias?: boolean | undefined;
  /** RMSNorm of each head of queries and keys, between projection and rotation. */
  readonly qkNorm?: boolean | undefined;
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

const atLeastOne: Rule<unknown> = {
  expected: 'a number of at least 1',
  holds: (value) => Number.isFinite(value) && (value as number) >= 1,
};

const boolean: Rule<unknown> = { expected: 'true or false', holds: (value) => typeof value === 'boolean' };

const optional = ({ expected, holds }: Rule<unknown>): Rule<unknown> => ({
  expected,
  holds: (value) => value === undefined || holds(value),
});

const layerIndices: Rule<unknown> = {
  expected: 'indices of layers, ascending',
  holds: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((index, at) => Number.isSafeInteger(index) && index >= 0 && (at === 0 || index > value[at - 1])),
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
  tiedHead: boolean,
  ropeScaling: optional({
    expected: 'a scaling of type linear, dynamic, llama3 or yarn',
    holds: (value) => Object.hasOwn(scalingFields, (value as RopeScaling | null)?.type ?? ''),
  }),
  slidingWindow: optional(size(2 ** 30)),
  fullLayers: optional(layerIndices),
  unrotatedLayers: optional(layerIndices),
  attentionBias: optional(boolean),
  outputBias: optional(boolean),
  mlpBias: optional(boolean),
  qkNorm: optional(boolean),
};

const stretch = { factor: atLeastOne, originalSequence: size(2 ** 30) };

/** What the fields of a scaling may be, by its type. */
const scalingFields: Readonly<Record<RopeScaling['type'], Partial<Record<ScalingField, Rule<unknown>>>>> = {
  linear: stretch,
  dynamic: stretch,
  llama3: { ...stretch, lowFrequencyFactor: positive, highFrequencyFactor: positive },
  yarn: { ...stretch, betaFast: positive, betaSlow: positive, truncate: boolean, attentionFactor: positive },
};

type Keys<Union> = Union extends unknown ? keyof Union : never;
/** A field of one of the scalings. */
type ScalingField = Exclude<Keys<RopeScaling>, 'type'>;

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
    field: 'headDim',
    rule: () => ({
      expected: 'above 2 with dynamic RoPE, whose base has the power headDim / (headDim − 2)',
      holds: ({ headDim, ropeScaling }) => headDim > 2 || ropeScaling?.type !== 'dynamic',
    }),
  },
  ...(['fullLayers', 'unrotatedLayers'] as const).map((field) => ({
    field,
    rule: ({ layers }: ModelConfig) => ({
      expected: `indices below the number of layers, ${layers}`,
      holds: ({ [field]: indices = [] }: ModelConfig) => (indices.at(-1) ?? 0) < layers,
    }),
  })),
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
export type FieldNames = Readonly<Partial<Record<keyof ModelConfig | ScalingField, string>>>;

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
  // An option that this version does not know would change the mathematics.
  const unknown = Object.keys(config).find((field) => !Object.hasOwn(fields, field));
  if (unknown !== undefined) throw unexpected(`fields of a model's shape (${Object.keys(fields).join(', ')})`, unknown);
  if (config.ropeScaling !== undefined) expectScaling(config.ropeScaling, names);
  for (const { field, rule } of relations) expect(field, rule(config, names), config, config[field], names);
  return config;
}

function expectScaling(scaling: RopeScaling, names: FieldNames): void {
  const values: Readonly<Partial<Record<ScalingField, unknown>>> = scaling;
  const known = scalingFields[scaling.type];
  const ownName = (field: string) => `${names.ropeScaling ?? 'ropeScaling'}.${field}`;
  for (const [field, rule] of Object.entries(known) as [ScalingField, Rule<unknown>][]) {
    expect(field, rule, values[field], values[field], { [field]: ownName(field), ...names });
  }
  const unknown = Object.keys(scaling).find((field) => field !== 'type' && !Object.hasOwn(known, field));
  if (unknown !== undefined) {
    throw unexpected(`fields of ${scaling.type} RoPE (${Object.keys(known).join(', ')})`, ownName(unknown));
  }
  if (scaling.type !== 'llama3') return;
  const { lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
  const name = names.highFrequencyFactor ?? ownName('highFrequencyFactor');
  if (high <= low) throw unexpected(`${name} to be above the low one, ${low}`, String(high));
}

/** The error for a key of a file with a value other than those that it may have. */
export const unexpectedKey = (key: string, allowed: readonly unknown[], actual: unknown): MayflyError =>
  unexpected(`${key} to be ${allowed.map(describeValue).join(' or ')}`, `${key} ${describeValue(actual)}`);

const unexpected = (expected: string, got: string): MayflyError =>
  new MayflyError('ERR_CONFIG', `Expected ${expected}, got ${got}`);

function expect<Value>(
  field: keyof FieldNames,
  { expected, holds }: Rule<Value>,
  tested: Value,
  actual: unknown,
  names: FieldNames,
): void {
  if (holds(tested)) return;
  throw unexpected(`${names[field] ?? field} to be ${expected}`, describeValue(actual));
}

/** Parameters of a model: what `ParameterLayout.count` says, without laying them out. */
export function countParameters(config: ModelConfig): number {
  const { dim, hidden, layers, heads, kvHeads, headDim, vocab, tiedHead } = config;
  const attention = dim * headDim * 2 * (heads + kvHeads);
  const feedForward = 3 * dim * hidden;
  const vectors =
    (config.attentionBias ? headDim * (heads + 2 * kvHeads) : 0) +
    (config.outputBias ? dim : 0) +
    (config.qkNorm ? 2 * headDim : 0) +
    (config.mlpBias ? 2 * hidden + dim : 0);
  return vocab * dim * (tiedHead ? 1 : 2) + layers * (attention + feedForward + 2 * dim + vectors) + dim;
}
