import { addon } from '@mayfly/native';
import type { ParameterEntry } from '../model/parameters.js';
import { type ModelState, offsetIn } from './model-state.js';

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

/** Parameters that one call updates: neighbours of one layer that decay alike. */
interface Range extends Pick<ParameterEntry, 'offset' | 'count' | 'layer' | 'decay'> {}

/** Updates a model's parameters layer by layer, so that a layer's kernels can be refreshed while the next is computed. */
export class Optimizer {
  readonly #state: ModelState;
  readonly #options: AdamWOptions;
  readonly #groups: readonly (readonly Range[])[];

  constructor(state: ModelState, options: AdamWOptions) {
    this.#state = state;
    this.#options = options;
    this.#groups = groupByLayer(state.layout.entries);
  }

  zeroGradients(): void {
    const { arena, offset, bytes } = this.#state.gradients;
    addon.math.zero(arena, offset, bytes);
  }

  /** L2 norm over all gradients, summed in double precision tensor by tensor; not finite if any gradient is not. */
  gradientNorm(): number {
    const { gradients, layout } = this.#state;
    let sum = 0;
    for (const entry of layout.entries) {
      sum += addon.math.sumOfSquares(gradients.arena, offsetIn(gradients, entry), entry.count);
    }
    return Math.sqrt(sum);
  }

  /** What the gradients are multiplied by so that their norm is at most `clip`. */
  clipFactor(norm: number): number {
    const { clip } = this.#options;
    return clip > 0 && norm > clip ? clip / norm : 1;
  }

  /**
   * One update. `step` counts optimizer steps from 1; gradients are multiplied by `gradientScale` as they are read.
   * `onLayer` is awaited after each layer's parameters are final.
   */
  async step(
    lr: number,
    step: number,
    gradientScale: number,
    onLayer: (layer: number) => Promise<void>,
  ): Promise<void> {
    const { parameters, gradients, firstMoments, secondMoments } = this.#state;
    const { betas, eps, weightDecay } = this.#options;
    for (const group of this.#groups) {
      for (const range of group) {
        addon.math.adamw(parameters.arena, {
          weights: offsetIn(parameters, range),
          gradients: offsetIn(gradients, range),
          m: offsetIn(firstMoments, range),
          v: offsetIn(secondMoments, range),
          count: range.count,
          lr,
          beta1: betas[0],
          beta2: betas[1],
          eps,
          weightDecay: range.decay ? weightDecay : 0,
          step,
          gradientScale,
        });
      }
      const layer = group[0]?.layer ?? -1;
      if (layer >= 0) await onLayer(layer);
    }
  }
}

/** The layout's entries by layer, in its order, with neighbours that decay alike joined. */
function groupByLayer(entries: readonly ParameterEntry[]): Range[][] {
  const groups: Range[][] = [];
  for (const { offset, count, layer, decay } of entries) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    if (group === undefined || last?.layer !== layer) groups.push([{ offset, count, layer, decay }]);
    else if (last.decay === decay) group[group.length - 1] = { ...last, count: last.count + count };
    else group.push({ offset, count, layer, decay });
  }
  return groups;
}
