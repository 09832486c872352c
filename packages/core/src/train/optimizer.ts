import { addon } from '@mayfly/native';
import type { ParameterEntry } from '../model/parameters.js';
import { type ModelState, offsetIn } from './model-state.js';
import type { Matrix } from './surface.js';

/** Decoupled AdamW (Loshchilov & Hutter 2019) with clipping by the global norm (Pascanu et al. 2013). */
export interface AdamWOptions {
  readonly betas: readonly [number, number];
  /** Added to √v̂. */
  readonly eps: number;
  /** Applied to matrices, the embedding among them, and not to norms. */
  readonly weightDecay: number;
  /** Largest global gradient norm; larger gradients are scaled down to it. 0 switches clipping off. */
  readonly clip: number;
}

/** Where a device reads a parameter: as an fp16 matrix, or its transpose. */
export interface WeightSlot extends Matrix {
  readonly transposed: boolean;
}

/** The part of the layers in an update of a model's parameters. */
export interface UpdatedLayers {
  /** Slots for fp16 copies of `layer`'s parameters, written in the same pass. Parameters without a slot get no copy. */
  weightSlots(layer: number): ReadonlyMap<string, WeightSlot>;
  /** Called when a layer's parameters are final. */
  refresh(layer: number): Promise<void>;
}

/** Updates a model's parameters layer by layer on the host-math queue: a layer's kernels are refreshed while the next layer is computed. */
export class Optimizer {
  readonly #state: ModelState;
  readonly #options: AdamWOptions;

  constructor(state: ModelState, options: AdamWOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** L2 norm over all gradients: the root of each tensor's sum of squares, added up in layout order in double precision. Not finite if any gradient is not. */
  async gradientNorm(): Promise<number> {
    const { gradients, trained } = this.#state;
    const { arena } = gradients;
    const sums = await Promise.all(
      trained.entries.map((entry) => addon.mathQueue.sumOfSquares(arena, offsetIn(gradients, entry), entry.count)),
    );
    return Math.sqrt(sums.reduce((total, sum) => total + sum, 0));
  }

  /** Factor that reduces the norm of the gradients to at most `clip`. */
  clipFactor(norm: number): number {
    const { clip } = this.#options;
    return clip > 0 && norm > clip ? clip / norm : 1;
  }

  /** One update. `step` counts optimizer steps from 1; gradients are multiplied by `gradientScale` as they are read. */
  async step(lr: number, step: number, gradientScale: number, layers: UpdatedLayers): Promise<void> {
    const { parameters, gradients, firstMoments, secondMoments, trained } = this.#state;
    const { betas, eps, weightDecay } = this.#options;
    const shared = { lr, beta1: betas[0], beta2: betas[1], eps, step, gradientScale };
    const updates = groupByLayer(trained.entries).map((group) => {
      const { layer } = group[0]!;
      const places = layer < 0 ? null : layers.weightSlots(layer);
      const calls = group.map((entry) => {
        const place = places?.get(entry.name);
        const [, columns] = entry.shape;
        return addon.mathQueue.adamw(parameters.arena, {
          ...shared,
          weights: this.#state.parameter(entry.name, entry.layer),
          gradients: offsetIn(gradients, entry),
          m: offsetIn(firstMoments, entry),
          v: offsetIn(secondMoments, entry),
          count: entry.count,
          weightDecay: entry.decay ? weightDecay : 0,
          ...(place && { half: place.offset, halfStride: place.stride, columns, transpose: place.transposed }),
        });
      });
      const done = Promise.all(calls);
      // The loop below meets the first error; those of later layers must not count as unhandled rejections.
      done.catch(() => {});
      return { layer, done };
    });
    for (const { layer, done } of updates) {
      await done;
      if (layer >= 0) await layers.refresh(layer);
    }
  }
}

/** Neighbours of one layer. */
function groupByLayer(entries: readonly ParameterEntry[]): ParameterEntry[][] {
  const groups: ParameterEntry[][] = [];
  for (const entry of entries) {
    const group = groups.at(-1);
    if (group !== undefined && group[0]!.layer === entry.layer) group.push(entry);
    else groups.push([entry]);
  }
  return groups;
}
