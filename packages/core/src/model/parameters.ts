import type { ModelConfig } from './config.js';

/** Parameters of one layer, as llama2.c names them (norms spelt out). Matrices are [out, in]. */
export const layerParameters = ['attentionNorm', 'wq', 'wk', 'wv', 'wo', 'feedForwardNorm', 'w1', 'w2', 'w3'] as const;
export type LayerParameter = (typeof layerParameters)[number];
/** Parameters outside the layers; `head` only where it is untied. */
export type ModelParameter = 'embedding' | 'finalNorm' | 'head';
export type ParameterName = LayerParameter | ModelParameter;

const norms: ReadonlySet<ParameterName> = new Set(['attentionNorm', 'feedForwardNorm', 'finalNorm']);

export interface ParameterEntry {
  readonly name: ParameterName;
  /** Layer index; -1 outside the layers. */
  readonly layer: number;
  /** [rows, columns]; a norm is [dim, 1]. A matrix may be, too: `decay` tells them apart. */
  readonly shape: readonly [number, number];
  /** Start in the flat block, in elements. Layers are contiguous: all of layer 0, then all of layer 1, … */
  readonly offset: number;
  readonly count: number;
  /** Weight decay applies: matrices, the embedding among them, and not norms. */
  readonly decay: boolean;
}

/** Where each parameter lies in the one flat fp32 block that load, save, optimizer and gradients all walk. */
export class ParameterLayout {
  readonly entries: readonly ParameterEntry[];
  /** Elements of the whole block. */
  readonly count: number;
  readonly #index: ReadonlyMap<string, ParameterEntry>;

  constructor(readonly config: ModelConfig) {
    const entries: ParameterEntry[] = [];
    let offset = 0;
    const add = (name: ParameterName, layer: number, rows: number, columns: number) => {
      const count = rows * columns;
      entries.push({ name, layer, shape: [rows, columns], offset, count, decay: !norms.has(name) });
      offset += count;
    };
    const { dim, hidden, vocab, heads, kvHeads, headDim } = config;
    add('embedding', -1, vocab, dim);
    for (let layer = 0; layer < config.layers; layer++) {
      add('attentionNorm', layer, dim, 1);
      add('wq', layer, heads * headDim, dim);
      add('wk', layer, kvHeads * headDim, dim);
      add('wv', layer, kvHeads * headDim, dim);
      add('wo', layer, dim, heads * headDim);
      add('feedForwardNorm', layer, dim, 1);
      add('w1', layer, hidden, dim);
      add('w2', layer, dim, hidden);
      add('w3', layer, hidden, dim);
    }
    add('finalNorm', -1, dim, 1);
    if (!config.tiedHead) add('head', -1, vocab, dim);
    this.entries = entries;
    this.count = offset;
    this.#index = new Map(entries.map((entry) => [`${entry.layer}.${entry.name}`, entry]));
  }

  /** The entry of a parameter; `layer` -1 for those outside the layers. Tied models answer `head` with `embedding`. */
  entry(name: ParameterName, layer = -1): ParameterEntry {
    const key = name === 'head' && this.config.tiedHead ? 'embedding' : name;
    const entry = this.#index.get(`${layer}.${key}`);
    if (entry === undefined) throw new RangeError(`Expected a parameter of the model, got ${name} of layer ${layer}`);
    return entry;
  }
}
