import type { ModelConfig } from './config.js';
import type { ParameterPiece } from './parameter-pieces.js';

/**
 * Parameters of one layer, as llama2.c names them (norms spelt out). Biases, named after the matrix, and the norms of queries and
 * keys are there only if the model has them.
 */
export type LayerParameter =
  | ('attentionNorm' | 'wq' | 'wk' | 'wv' | 'wo' | 'feedForwardNorm' | 'w1' | 'w2' | 'w3')
  | ('bq' | 'bk' | 'bv' | 'bo' | 'b1' | 'b2' | 'b3' | 'qNorm' | 'kNorm');
/** Parameters outside the layers; `head` only where it is untied. */
export type ModelParameter = 'embedding' | 'finalNorm' | 'head';
/** Parameters of a decoder with its own layers. */
export type ParameterName = LayerParameter | ModelParameter;

/** A parameter of a layer. */
export interface ParameterSpec {
  /** [out, in] of a matrix, [elements] of a vector. */
  readonly shape: readonly [number] | readonly [number, number];
  /** A matrix that writes to the residual stream: its first values are smaller the more layers there are. Default false. */
  readonly residual?: boolean;
  /** First value of a vector's elements. Default 1. */
  readonly initial?: number;
  /**
   * A matrix of an adapter, which is trained alone: `down`, A [rank, in], begins with small random values; `up`, B [out, rank], with zeros.
   * Adapters lie behind all other parameters.
   */
  readonly adapter?: 'down' | 'up';
}

/** Parameters of a layer by name, in the order in which checkpoints hold them. */
export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

/** The part of a model's shape that decides on the parameters of the decoder's own layer. */
export type LayerConfig = Pick<
  ModelConfig,
  'dim' | 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'attentionBias' | 'outputBias' | 'mlpBias' | 'qkNorm'
>;

/** The parameters of the decoder's own layer. */
export function layerParameters(config: LayerConfig): Readonly<Partial<Record<LayerParameter, ParameterSpec>>> {
  const { dim, hidden, attentionBias, outputBias, mlpBias, qkNorm } = config;
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  const bias = (name: LayerParameter, has: boolean | undefined, elements: number) =>
    has ? { [name]: { shape: [elements], initial: 0 } as const } : {};
  const norm = (name: LayerParameter) => (qkNorm ? { [name]: { shape: [config.headDim] } as const } : {});
  return {
    attentionNorm: { shape: [dim] },
    wq: { shape: [queries, dim] },
    ...bias('bq', attentionBias, queries),
    wk: { shape: [keys, dim] },
    ...bias('bk', attentionBias, keys),
    wv: { shape: [keys, dim] },
    ...bias('bv', attentionBias, keys),
    ...norm('qNorm'),
    ...norm('kNorm'),
    wo: { shape: [dim, queries], residual: true },
    ...bias('bo', outputBias, dim),
    feedForwardNorm: { shape: [dim] },
    w1: { shape: [hidden, dim] },
    ...bias('b1', mlpBias, hidden),
    w2: { shape: [dim, hidden], residual: true },
    ...bias('b2', mlpBias, dim),
    w3: { shape: [hidden, dim] },
    ...bias('b3', mlpBias, hidden),
  };
}

/** One parameter of a model and where it lies. */
export interface ParameterEntry {
  readonly name: string;
  /** Layer index; -1 outside the layers. */
  readonly layer: number;
  /** [rows, columns]; a vector is [elements, 1]. A matrix may be, too: `decay` tells them apart. */
  readonly shape: readonly [number, number];
  /** Start in the flat block, in elements. Layers are contiguous: all of layer 0, then all of layer 1, … */
  readonly offset: number;
  readonly count: number;
  /** Weight decay applies: matrices, the embedding among them, and not vectors. */
  readonly decay: boolean;
  /** Writes to the residual stream. */
  readonly residual: boolean;
  /** First value of a vector's elements. */
  readonly initial: number;
  readonly adapter: 'down' | 'up' | undefined;
}

/** Some of the values of one parameter. */
export interface ParameterPart {
  readonly entry: ParameterEntry;
  readonly first: number;
  readonly values: Float32Array;
}

/** Where each parameter lies in the one flat fp32 block that load, save, optimizer and gradients all walk. */
export class ParameterLayout {
  readonly entries: readonly ParameterEntry[];
  /** Elements of the whole block. */
  readonly count: number;
  /** Elements before the first adapter: those of the model as it is without adapters. */
  readonly baseCount: number;
  readonly #index: ReadonlyMap<string, ParameterEntry>;

  /**
   * @param specsOf The parameters of a layer. Default: those of the decoder's own.
   * @param includes Which parameters have a place; layer -1 is outside the layers. Default: all.
   */
  constructor(
    readonly config: ModelConfig,
    specsOf: (layer: number) => ParameterSpecs = () => layerParameters(config),
    includes: (name: string, layer: number) => boolean = () => true,
  ) {
    const entries: ParameterEntry[] = [];
    let offset = 0;
    const add = (name: string, layer: number, { shape, residual = false, initial = 1, adapter }: ParameterSpec) => {
      if (!includes(name, layer)) return;
      const [rows, columns = 1] = shape;
      const count = rows * columns;
      const decay = shape.length === 2;
      entries.push({ name, layer, shape: [rows, columns], offset, count, decay, residual, initial, adapter });
      offset += count;
    };
    const { dim, vocab } = config;
    add('embedding', -1, { shape: [vocab, dim] });
    const addLayers = (adapters: boolean) => {
      for (let layer = 0; layer < config.layers; layer++) {
        for (const [name, spec] of Object.entries(specsOf(layer))) {
          if ((spec.adapter !== undefined) === adapters) add(name, layer, spec);
        }
      }
    };
    addLayers(false);
    add('finalNorm', -1, { shape: [dim] });
    if (!config.tiedHead) add('head', -1, { shape: [vocab, dim] });
    this.baseCount = offset;
    addLayers(true);
    this.entries = entries;
    this.count = offset;
    this.#index = new Map(entries.map((entry) => [`${entry.layer}.${entry.name}`, entry]));
  }

  /** A piece of the flat block, cut where parameters begin: `first` is the index of the first of the values within its parameter. */
  *partsOf({ offset, values }: ParameterPiece): Generator<ParameterPart> {
    for (const entry of this.entries) {
      const begin = Math.max(offset, entry.offset);
      const end = Math.min(offset + values.length, entry.offset + entry.count);
      if (begin < end) {
        yield { entry, first: begin - entry.offset, values: values.subarray(begin - offset, end - offset) };
      }
    }
  }

  /** The entry of a parameter, if it has one. Unlike `entry`, it does not take the head of a tied model for its embedding. */
  find(name: string, layer: number): ParameterEntry | undefined {
    return this.#index.get(`${layer}.${name}`);
  }

  /** The entry of a parameter; `layer` -1 for those outside the layers. Tied models answer `head` with `embedding`. */
  entry(name: string, layer = -1): ParameterEntry {
    const key = name === 'head' && layer < 0 && this.config.tiedHead ? 'embedding' : name;
    const entry = this.#index.get(`${layer}.${key}`);
    if (entry === undefined) throw new RangeError(`Expected a parameter of the model, got ${name} of layer ${layer}`);
    return entry;
  }
}
