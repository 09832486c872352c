import type { LayerBlock } from './layer-block.js';
import type { SurfaceTensor } from './surface.js';

/** Reads one matrix of a layer in every pass, an activation or a gradient. Made by `Trainer.tap`. */
export class Tap {
  readonly layer: number;
  /** Block and value, e.g. `attention.attn`. */
  readonly name: string;
  /** Channels. */
  readonly rows: number;
  /** Tokens of a pass, window after window. */
  readonly columns: number;
  /** Whether the values are gradients of the mean loss of a step. */
  readonly isGradient: boolean;
  /** @internal */
  readonly slot: string;
  #values: Float32Array | null = null;
  #scale = 1;
  /** The pass of the step that they are of. */
  #pass = 0;

  /** @internal */
  constructor(block: LayerBlock, slot: string, surface: SurfaceTensor) {
    const { layer, flow, block: kind } = block.place;
    this.layer = layer;
    this.name = `${kind.name}.${slot}`;
    this.isGradient = slot === 'dy' || flow.gradients.includes(slot);
    this.slot = slot;
    const { rows, columns } = surface.slot(slot);
    this.rows = rows;
    this.columns = columns;
  }

  /** The values of the last pass, row by row: element (r, c) is at r · columns + c. Null before the first pass. */
  values(): Float32Array | null {
    const scale = this.isGradient ? this.#scale : 1;
    return this.#values?.map((value) => value / scale) ?? null;
  }

  /** @internal Takes the values of a pass as they are in its surface, unless those of a later pass of the step are there. */
  read(surface: SurfaceTensor, pass: number): void {
    if (pass < this.#pass) return;
    this.#pass = pass;
    this.#values = surface.values(this.slot);
  }

  /** @internal The gradients of the last step are `scale` times too large.
   *
   * @param scale The loss scale that the gradients were computed with. */
  scaledBy(scale: number): void {
    this.#scale = scale;
    this.#pass = 0;
  }
}
