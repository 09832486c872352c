import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/describe-value.js';
import type { ModelConfig } from './config.js';
import { countParameters } from './count-parameters.js';

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
