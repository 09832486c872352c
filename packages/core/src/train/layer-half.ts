import type { LayerParameter } from '../model/parameters.js';
import type { Matrix, SurfaceTensor } from './surface.js';

/** Names of a weight gradient's operands: dW += dy·xᵀ, with `dy` and `x` slots of a half's surfaces. */
export interface GradientWiring {
  readonly parameter: LayerParameter;
  readonly dy: string;
  readonly x: string;
}

/** How the two halves of a layer differ, for code that treats them alike. */
export interface HalfWiring {
  readonly name: 'attention' | 'feedForward';
  readonly norm: 'attentionNorm' | 'feedForwardNorm';
  /** Outputs of the forward program that the backward program reads. */
  readonly saved: readonly string[];
  readonly gradients: readonly GradientWiring[];
}

/** A layer is x + attention(norm(x)), then x + feedForward(norm(x)): the order of the forward pass. */
export const halfWirings: readonly HalfWiring[] = [
  {
    name: 'attention',
    norm: 'attentionNorm',
    saved: ['q', 'k', 'v'],
    gradients: [
      { parameter: 'wo', dy: 'dy', x: 'attn' },
      { parameter: 'wq', dy: 'dq', x: 'xn' },
      { parameter: 'wk', dy: 'dk', x: 'xn' },
      { parameter: 'wv', dy: 'dv', x: 'xn' },
    ],
  },
  {
    name: 'feedForward',
    norm: 'feedForwardNorm',
    saved: ['h1', 'h3'],
    gradients: [
      { parameter: 'w2', dy: 'dy', x: 'gate' },
      { parameter: 'w1', dy: 'dh1', x: 'xn' },
      { parameter: 'w3', dy: 'dh3', x: 'xn' },
    ],
  },
];

/** Surfaces of one half of one layer. Backward surfaces are absent where the model is not trained. */
export interface HalfSurfaces {
  readonly forwardInput: SurfaceTensor;
  readonly forwardOutput: SurfaceTensor;
  readonly backwardInput: SurfaceTensor | null;
  readonly backwardOutput: SurfaceTensor | null;
}

/** One half of one layer and where its activations lie. */
export class LayerHalf {
  constructor(
    readonly layer: number,
    readonly wiring: HalfWiring,
    readonly surfaces: HalfSurfaces,
  ) {}

  /** Identifies the half, e.g. `layer-3.attention`. */
  get key(): string {
    return `layer-${this.layer}.${this.wiring.name}`;
  }

  /** The matrix that a slot names, wherever the half's surfaces hold it. */
  matrix(name: string): Matrix {
    const { forwardInput, forwardOutput, backwardInput, backwardOutput } = this.surfaces;
    for (const surface of [backwardInput, backwardOutput, forwardOutput, forwardInput]) {
      if (surface?.has(name)) return surface.slot(name);
    }
    throw new RangeError(`Expected a slot of ${this.key}, got ${name}`);
  }
}
