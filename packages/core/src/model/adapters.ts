import { invalidArgument } from '@mayfly/native';
import type { ParameterSpec, ParameterSpecs } from './parameters.js';

/** Adapters of matrices (LoRA, Hu et al. 2022): W·x becomes W·x + s·B·A·x, where W stays as it is and A and B are trained. */
export interface Lora {
  /** Rows of A and columns of B: r. */
  readonly rank: number;
  /** s = alpha/rank, or alpha/√rank with `rslora`. */
  readonly alpha: number;
  /** Share of the elements of x that are set to 0 on the way to A in a training pass; the others are divided by 1 − dropout. */
  readonly dropout: number;
  /** Names of the matrices that have adapters. */
  readonly targets: readonly string[];
  /** Rank-stabilized: Kalajdzievski 2023. */
  readonly rslora: boolean;
}

/** The factor s. */
export const adapterScale = ({ rank, alpha, rslora }: Lora): number => alpha / (rslora ? Math.sqrt(rank) : rank);

/** The names of the two matrices that a matrix's adapter consists of. */
export const adapterNames = (parameter: string): { readonly down: string; readonly up: string } => ({
  down: `${parameter}LoraA`,
  up: `${parameter}LoraB`,
});

/**
 * The parameters of a layer, with adapters for the targets.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a target that is no matrix of the layer.
 */
export function withAdapters(specs: ParameterSpecs, { rank, targets }: Lora): ParameterSpecs {
  const adapters: Record<string, ParameterSpec> = {};
  for (const target of targets) {
    const [rows, columns] = specs[target]?.shape ?? [];
    if (rows === undefined || columns === undefined) {
      const matrices = Object.keys(specs).filter((name) => specs[name]!.shape.length === 2);
      throw invalidArgument('lora.targets', `matrices of the layer (${matrices.join(', ')})`, target);
    }
    const { down, up } = adapterNames(target);
    adapters[down] = { shape: [rank, columns], adapter: 'down' };
    adapters[up] = { shape: [rows, rank], adapter: 'up' };
  }
  return { ...specs, ...adapters };
}
