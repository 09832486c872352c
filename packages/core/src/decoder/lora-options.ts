import { invalidArgument } from '@mayfly/native';
import { flag, number, type Rule, rule, whole } from '../check.js';
import { LARGEST_RANK, type Lora, matrixModules } from '../model/adapters.js';
import type { ModelConfig } from '../model/config.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { projectedParameters } from '../programs/adapters.js';
import type { LayerDefinition } from '../programs/layer-graph.js';

/** Adapters that are trained in place of a model's own parameters (LoRA, Hu et al. 2022): docs/topics/lora.md. */
export interface LoraOptions {
  /** Rows of A and columns of B, r. Default 8. */
  readonly rank: number;
  /** Of the factor alpha/rank that B·A·x is multiplied by. Default: twice the rank. */
  readonly alpha: number;
  /** Share of the inputs of A that a training pass sets to 0; the others grow by 1/(1 − dropout). Default 0. */
  readonly dropout: number;
  /** The matrices that get adapters: `q_proj`, …, `down_proj`, as PEFT names them, or `wq`, …, `w2`. Default: all of a layer. */
  readonly targets: readonly string[];
  /** The factor is alpha/√rank (Kalajdzievski 2023). Default false. */
  readonly rslora: boolean;
}

/** Adapters of a run: without `targets`, of every matrix that a layer projects with. */
export type LoraSettings = Omit<Lora, 'targets'> & { readonly targets?: readonly string[] | undefined };

const group = 'LoRA:';

const targetsRule: Rule<readonly string[]> = rule(
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '')
      ? null
      : `a list of matrices, such as ${[...matrixModules.keys()].join(', ')}`,
  (given) => given.split(',').map((name) => name.trim()),
);

/** The table of `LoraOptions`. */
export const loraOptions = {
  rank: {
    ...{ rule: whole(1, LARGEST_RANK), default: 8, defaultText: '8 where another LoRA option is given' },
    ...{ flag: '--lora-rank <r>', help: "train adapters of this rank in place of the model's parameters", group },
  },
  alpha: {
    rule: number('above 0', (value) => value > 0),
    ...{ derive: ({ rank }) => 2 * Number(rank), defaultText: 'twice the rank' },
    ...{ flag: '--lora-alpha <x>', help: 'adapters are scaled by alpha / rank', group },
  },
  dropout: {
    ...{ rule: number('from 0 up to, but less than, 1', (value) => value >= 0 && value < 1), default: 0 },
    ...{ flag: '--lora-dropout <p>', help: 'share of the inputs of adapters that a training pass drops', group },
  },
  targets: {
    ...{ rule: targetsRule, defaultText: 'all' },
    flag: '--lora-targets <list>',
    ...{ help: 'matrices with adapters: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj', group },
  },
  rslora: {
    ...{ rule: flag, default: false, flag: '--lora-rslora' },
    ...{ help: 'adapters are scaled by alpha / √rank', group },
  },
} as const satisfies OptionTable<LoraOptions>;

/** Fills in the defaults. */
export function resolveLora(given: Partial<LoraOptions>): LoraSettings {
  const { options } = resolveOptions('lora', loraOptions, given, { prefix: 'lora.' });
  const { targets, ...settings } = options;
  return {
    ...settings,
    ...(targets && { targets: [...new Set(targets.map((name) => matrixModules.get(name) ?? name))] }),
  };
}

/** The adapters of one kind of layer. */
export const loraOf = (definition: LayerDefinition, settings: LoraSettings): Lora => ({
  ...settings,
  targets: settings.targets ?? projectedParameters(definition),
});

/**
 * Everything outside the layers, which adapters leave as it is.
 *
 * @throws `ERR_INVALID_ARGUMENT` where other parts were named, since all of them are frozen.
 */
export function frozenByAdapters(
  { tiedHead }: ModelConfig,
  freeze: readonly unknown[],
): readonly ('embedding' | 'finalNorm' | 'head')[] {
  if (freeze.length > 0) throw invalidArgument('freeze', 'left out with lora, which freezes the model', freeze.join());
  return ['embedding', 'finalNorm', ...(tiedHead ? [] : (['head'] as const))];
}
