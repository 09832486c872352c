import { isRecord } from '../files/read-file.js';
import { type FieldNames, unexpectedKey } from './config.js';
import { type RopeScaling, yarnAttentionFactor } from './rope.js';

type Json = Readonly<Record<string, unknown>>;

/** A model's rotary embedding in a `config.json`, unchecked. */
export interface HuggingFaceRope {
  /** Undefined where the base is on top of the config, or nowhere. */
  readonly base: unknown;
  /** Absent where RoPE is not scaled. */
  readonly scaling?: RopeScaling;
  /** Where the config keeps the fields of the scaling. */
  readonly names: FieldNames;
}

/** Where the fields of a scaling are, within `rope_scaling` or `rope_parameters`. */
const fieldNames = {
  factor: 'factor',
  lowFrequencyFactor: 'low_freq_factor',
  highFrequencyFactor: 'high_freq_factor',
  betaFast: 'beta_fast',
  betaSlow: 'beta_slow',
  truncate: 'truncate',
  attentionFactor: 'attention_factor',
  originalSequence: 'original_max_position_embeddings',
} as const satisfies FieldNames;

const types = ['default', 'linear', 'dynamic', 'llama3', 'yarn'];

/**
 * Reads `rope_scaling`, as transformers 4 writes it, or else `rope_parameters`, as transformers 5 does.
 *
 * @param sequence The config's `max_position_embeddings`, which is the original context unless the config says otherwise.
 * @throws `ERR_CONFIG` for another type, partial rotation, and a set of parameters for each kind of layer.
 */
export function readRope(json: Json, sequence: unknown): HuggingFaceRope {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const rope = json[key] ?? {};
    if (!isRecord(rope)) throw unexpectedKey(key, [null], rope);
    if (Object.keys(rope).length === 0) continue;
    if (Object.values(rope).some(isRecord) || (rope.partial_rotary_factor ?? 1) !== 1) {
      throw unexpectedKey(key, [{ rope_type: 'default' }], rope);
    }
    const type = rope.rope_type ?? rope.type ?? 'default';
    if (!types.includes(type as string)) throw unexpectedKey(`${key}.rope_type`, types, type);
    const names = { ropeScaling: key, ...prefixed(key) };
    const base = rope.rope_theta ?? undefined;
    if (type === 'default') return { base, names };
    return { base, scaling: readScaling(type as RopeScaling['type'], rope, json, sequence), names };
  }
  return { base: undefined, names: {} };
}

/**
 * The longest context of a scaled model: transformers takes no notice of it, and configs with a factor often name the original one.
 * Llama 3's factor is not that of the context.
 */
export function stretchedSequence(sequence: unknown, scaling: RopeScaling | undefined): unknown {
  if (scaling === undefined || scaling.type === 'llama3' || typeof sequence !== 'number') return sequence;
  const stretched = Math.floor(scaling.originalSequence * scaling.factor);
  return Number.isSafeInteger(stretched) ? Math.max(sequence, stretched) : sequence;
}

function readScaling(type: RopeScaling['type'], rope: Json, json: Json, sequence: unknown): RopeScaling {
  const number = (key: string) => (rope[key] ?? undefined) as number;
  const factor = number('factor');
  // A value on top overrules that of the scaling, in transformers, too.
  const originalSequence = (json.original_max_position_embeddings ??
    rope.original_max_position_embeddings ??
    sequence) as number;
  switch (type) {
    case 'linear':
    case 'dynamic':
      return { type, factor, originalSequence: sequence as number };
    case 'llama3': {
      const turns = { lowFrequencyFactor: number('low_freq_factor'), highFrequencyFactor: number('high_freq_factor') };
      return { type, factor, originalSequence, ...turns };
    }
    case 'yarn': {
      const own = factor ?? Number(sequence) / originalSequence;
      return {
        ...{ type, factor: own, originalSequence },
        // Zero is taken for absent, in transformers, too.
        ...{ betaFast: number('beta_fast') || 32, betaSlow: number('beta_slow') || 1 },
        truncate: (rope.truncate ?? true) as boolean,
        attentionFactor:
          number('attention_factor') ?? yarnAttentionFactor(own, number('mscale'), number('mscale_all_dim')),
      };
    }
  }
}

const prefixed = (key: string): FieldNames =>
  Object.fromEntries(Object.entries(fieldNames).map(([field, name]) => [field, `${key}.${name}`]));
