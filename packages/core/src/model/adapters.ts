import { invalidArgument, MayflyError } from '@mayfly/native';
import type { Checkpoint } from '../checkpoint/read.js';
import { isRecord } from '../files/read-file.js';
import type { ModelConfig } from './config.js';
import type { ParameterPiece } from './parameter-pieces.js';
import { layerParameters, ParameterLayout, type ParameterSpec, type ParameterSpecs } from './parameters.js';

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

/** The matrices of a layer by the names of PEFT and transformers. */
export const matrixModules: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ q_proj: 'wq', k_proj: 'wk', v_proj: 'wv', o_proj: 'wo' },
    ...{ gate_proj: 'w1', up_proj: 'w3', down_proj: 'w2' },
  }),
);

/** The error for a target that is none of a layer's matrices, which it lists by both their names. */
export function unknownTarget(target: string, matrices: readonly string[]): MayflyError {
  const shown = matrices.map((name) => {
    const [module] = [...matrixModules].find(([, parameter]) => parameter === name) ?? [];
    return module === undefined ? name : `${module} or ${name}`;
  });
  return invalidArgument('lora.targets', `among the layer's matrices (${shown.join(', ')})`, target);
}

/** Trained adapters of all layers of a model. */
export interface Adapter {
  readonly lora: Lora;
  /** In the order of `adaptedLayout`, from its `baseCount` on. */
  readonly values: Float32Array;
}

/** Whether adapters have the same shapes, order and factor, so that programs for the one run the other. */
export const areAlike = (a: Lora, b: Lora): boolean =>
  a.rank === b.rank &&
  adapterScale(a) === adapterScale(b) &&
  [...a.targets].sort().join() === [...b.targets].sort().join();

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
  const matrices = Object.entries(specs).filter(([, { shape }]) => shape.length === 2);
  const unknown = targets.find((target) => !matrices.some(([name]) => name === target));
  if (unknown !== undefined) {
    throw unknownTarget(
      unknown,
      matrices.map(([name]) => name),
    );
  }
  const adapters: Record<string, ParameterSpec> = {};
  for (const [name, { shape }] of matrices) {
    if (!targets.includes(name)) continue;
    const { down, up } = adapterNames(name);
    adapters[down] = { shape: [rank, shape[1]!], adapter: 'down' };
    adapters[up] = { shape: [shape[0], rank], adapter: 'up' };
  }
  return { ...specs, ...adapters };
}

/** Where all parameters of a decoder with adapters lie. */
export const adaptedLayout = (config: ModelConfig, lora: Lora): ParameterLayout =>
  new ParameterLayout(config, () => withAdapters(layerParameters(config), lora));

/** The elements of a layout that a checkpoint holds: its adapters, if it has any. */
export const storedElements = ({
  count,
  baseCount,
}: ParameterLayout): { readonly first: number; readonly count: number } =>
  baseCount === count ? { first: 0, count } : { first: baseCount, count: count - baseCount };

/**
 * Adds adapters to the matrices that they belong to: W + s·B·A.
 *
 * @param piece Some of the parameters of the model without adapters, which are changed.
 * @param adapters The flat block of the adapters: what follows the model's in `layout`.
 */
export function mergeAdapters(
  layout: ParameterLayout,
  lora: Lora,
  piece: ParameterPiece,
  adapters: Float32Array,
): void {
  const scale = adapterScale(lora);
  for (const { entry, first, values } of layout.partsOf(piece)) {
    if (entry.layer < 0 || !lora.targets.includes(entry.name)) continue;
    const { down, up } = adapterNames(entry.name);
    const valuesOf = (name: string) => {
      const { offset, count } = layout.entry(name, entry.layer);
      return adapters.subarray(offset - layout.baseCount, offset - layout.baseCount + count);
    };
    const [a, b] = [valuesOf(down), valuesOf(up)];
    const columns = entry.shape[1];
    for (let done = 0; done < values.length; ) {
      const row = Math.floor((first + done) / columns);
      const from = (first + done) % columns;
      const weights = values.subarray(done, done + columns - from);
      for (let index = 0; index < lora.rank; index++) {
        const factor = scale * b[row * lora.rank + index]!;
        const line = index * columns + from;
        for (let column = 0; column < weights.length; column++) weights[column]! += factor * a[line + column]!;
      }
      done += weights.length;
    }
  }
}

/**
 * The adapters that a checkpoint's header describes; undefined for a checkpoint of a whole model.
 *
 * @throws `ERR_CHECKPOINT` where no run can have written them.
 */
export function adaptersIn({ path, header }: Pick<Checkpoint, 'path' | 'header'>): Lora | undefined {
  const { adapters } = header;
  if (adapters === undefined) return undefined;
  if (isRecord(adapters) && isLora(adapters)) return adapters;
  throw new MayflyError(
    'ERR_CHECKPOINT',
    `${path}: Expected adapters of a training run in the header, got something else`,
  );
}

function isLora(value: Record<string, unknown>): value is Record<string, unknown> & Lora {
  const { rank, alpha, dropout, targets, rslora } = value;
  return (
    Number.isSafeInteger(rank) &&
    (rank as number) >= 1 &&
    (rank as number) <= LARGEST_RANK &&
    Number.isFinite(alpha) &&
    Number.isFinite(dropout) &&
    typeof rslora === 'boolean' &&
    Array.isArray(targets) &&
    targets.length <= 2 ** 10 &&
    targets.every((target) => typeof target === 'string')
  );
}

/** Beyond this, a file is damaged or hostile. */
export const LARGEST_RANK = 2 ** 12;
