import { invalidArgument } from '@mayfly/native';
import { bagOf, number, oneOf, type Rule, rule } from '../check.js';
import type { ParameterEntry, ParameterLayout } from '../model/parameters.js';

/** Parameters that are updated in another way than the others. */
export interface ParameterGroup {
  /**
   * Their names, in which `*` stands for any characters: `embedding`, `finalNorm`, `head`, `layers.3.wq`, `layers.*.w2`. A parameter
   * belongs to the first group that has its name.
   */
  readonly parameters: string | readonly string[];
  /** Factor of the learning rate. Default 1. */
  readonly lr?: number | undefined;
  /** Default: the option `weightDecay` for matrices, 0 for vectors. */
  readonly weightDecay?: number | undefined;
  /** Default: the option `optimizer`, which takes Muon for matrices of layers alone. */
  readonly optimizer?: 'adamw' | 'muon' | undefined;
}

/** How the parameters of a model are updated. */
export interface ParameterRules {
  /** Default `adamw`. */
  readonly optimizer?: 'adamw' | 'muon' | undefined;
  /** Default none. */
  readonly groups?: readonly ParameterGroup[] | undefined;
  /** Of matrices. Default 0. */
  readonly weightDecay?: number | undefined;
}

/** How one parameter is updated. */
export interface UpdateRule {
  /** Factor of the learning rate. */
  readonly lr: number;
  readonly weightDecay: number;
  readonly optimizer: 'adamw' | 'muon';
}

const names: Rule<string | readonly string[]> = rule(
  (value) =>
    [value].flat().length > 0 && [value].flat().every((name) => typeof name === 'string' && name !== '')
      ? null
      : 'a name of parameters, or a list of names',
  String,
);

const groupRule = bagOf({
  parameters: names,
  lr: number('from 0 up', (value) => value >= 0),
  weightDecay: number('from 0 up', (value) => value >= 0),
  optimizer: oneOf('adamw', 'muon'),
});

/** A list of groups; its text is JSON. */
export const groupsRule: Rule<readonly ParameterGroup[]> = {
  check(name, value) {
    if (!Array.isArray(value)) throw invalidArgument(name, 'a list of groups of parameters', value);
    return value.map((each: unknown, index) => {
      const group = groupRule.check(`${name}[${index}]`, each);
      const { parameters } = group;
      if (parameters === undefined) throw invalidArgument(`${name}[${index}].parameters`, 'given', parameters);
      return { ...group, parameters };
    });
  },
  read(name, given) {
    try {
      return this.check(name, JSON.parse(given));
    } catch (error) {
      throw error instanceof SyntaxError ? invalidArgument(name, 'a list of groups in JSON', given) : error;
    }
  },
};

/** The name by which groups call a parameter. */
const nameOf = ({ name, layer }: Pick<ParameterEntry, 'name' | 'layer'>): string =>
  layer < 0 ? name : `layers.${layer}.${name}`;

/**
 * How each parameter is updated.
 *
 * @param trained The parameters that are.
 * @throws `ERR_INVALID_ARGUMENT` for a name that none of them has, and for Muon of a vector.
 */
export function updateRules(
  trained: ParameterLayout,
  { optimizer = 'adamw', groups = [], weightDecay = 0 }: ParameterRules,
): ReadonlyMap<ParameterEntry, UpdateRule> {
  const patterns = groups.map(({ parameters }) => [parameters].flat().map((name) => ({ name, matches: glob(name) })));
  for (const { name, matches } of patterns.flat()) {
    if (!trained.entries.some((entry) => matches.test(nameOf(entry)))) {
      throw invalidArgument('groups', 'names of parameters that are trained, such as layers.0.wq', name);
    }
  }
  return new Map(
    trained.entries.map((entry) => {
      const own = nameOf(entry);
      const group = groups[patterns.findIndex((each) => each.some(({ matches }) => matches.test(own)))];
      const usual = optimizer === 'muon' && entry.decay && entry.layer >= 0 ? 'muon' : 'adamw';
      const chosen = group?.optimizer ?? usual;
      if (chosen === 'muon' && !entry.decay) throw invalidArgument('groups', 'Muon for matrices alone', own);
      const decay = group?.weightDecay ?? (entry.decay ? weightDecay : 0);
      return [entry, { lr: group?.lr ?? 1, weightDecay: decay, optimizer: chosen }];
    }),
  );
}

const glob = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
