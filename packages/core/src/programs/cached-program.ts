import { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';
import type { MilProgram } from '../mil/types.js';
import type { ModelConfig } from '../model/config.js';
import type { ParameterSpecs } from '../model/parameters.js';
import type { Positions } from './continuation.js';
import { type LayerDefinition, type LayerWriter, writeForward } from './layer-graph.js';
import type { FixedConstants } from './shape.js';

/** What a program for the next tokens of a text is written for. */
export interface CachedShape {
  readonly config: ModelConfig;
  /** The definition of each layer. */
  readonly layers: readonly LayerDefinition[];
  /** Tokens of a dispatch. */
  readonly tokens: number;
  /** Places of the cache that attention looks at, from the first on. */
  readonly seen: number;
  /** Places of the cache. */
  readonly capacity: number;
}

/** An input whose values follow from the positions of tokens. */
export interface PositionInput {
  readonly shape: readonly number[];
  readonly values: (positions: Positions) => Float32Array;
}

/** What an input of the program is. */
export type CachedInput =
  /** fp16 embeddings, [1, tokens, 1, dim]. */
  | { readonly kind: 'tokens' }
  /** fp16 keys and values of earlier tokens, [1, 1, 1, kept · capacity · rows]: one matrix [capacity, rows] after the other. */
  | { readonly kind: 'cache' }
  /** fp32 weights of the blocks' norms, [blocks, dim, 1, 1]. */
  | { readonly kind: 'norms' }
  /** fp16 parameters of a layer, as `layerPlaces` lays them out. */
  | { readonly kind: 'weights'; readonly layer: number }
  | ({ readonly kind: 'positions' } & PositionInput);

/**
 * A program of all layers for the next tokens of a text. Outputs: the residual stream after the last layer, fp32 [1, tokens, 1, dim],
 * and what is to be kept of these tokens, fp16 [1, 1, 1, kept · tokens · rows]: in the cache's order, one matrix [tokens, rows] after
 * the other.
 */
export interface CachedProgram extends FixedConstants {
  readonly program: MilProgram;
  /** In the order of the program's inputs. */
  readonly inputs: readonly CachedInput[];
  /** Matrices that are kept for each token. */
  readonly kept: number;
}

/** Matrices start on a cache line. */
const ALIGNMENT = 64;

/** Where a layer's parameters lie in its input [1, 1, 1, elements]: each as it is stored, row by row. */
export function layerPlaces(parameters: ParameterSpecs): {
  readonly places: ReadonlyMap<string, number>;
  readonly elements: number;
} {
  const places = new Map<string, number>();
  let elements = 0;
  for (const [name, { shape }] of Object.entries(parameters)) {
    places.set(name, elements);
    elements += Math.ceil(shape.reduce<number>((product, size) => product * size, 1) / ALIGNMENT) * ALIGNMENT;
  }
  return { places, elements };
}

/** Rows of each matrix that is kept: keys, or values. */
export const keptRows = ({ kvHeads, headDim }: ModelConfig): number => kvHeads * headDim;

/** Writes the program. The residual stream is fp32, as host math has it for dynamic weights. */
export function cachedProgram(cached: CachedShape): CachedProgram {
  const { config, layers, tokens, seen, capacity } = cached;
  const { dim, eps } = config;
  const b = new MilBuilder();
  const inputs: CachedInput[] = [];
  const declare = (input: CachedInput, dtype: 'fp16' | 'fp32', size: readonly number[]): MilValue => {
    inputs.push(input);
    return b.input(`input${inputs.length}`, dtype, size);
  };
  const rows = keptRows(config);
  const text = declare({ kind: 'tokens' }, 'fp16', [1, tokens, 1, dim]);
  const blocks = layers.flatMap((layer) => layer.blocks);
  const norms = declare({ kind: 'norms' }, 'fp32', [blocks.length, dim, 1, 1]);
  // Every layer keeps its keys and its values.
  const count = 2 * layers.length;
  const cache = declare({ kind: 'cache' }, 'fp16', [1, 1, 1, count * capacity * rows]);
  const kept: MilValue[] = [];
  const tables = new Map<string, MilValue>();
  const constants = new Map<string, Float32Array>();
  const constantValues = new Map<string, MilValue>();
  const writerOf = (layer: number): LayerWriter => {
    const parameters = layers[layer]!.parameters(config);
    const { places, elements } = layerPlaces(parameters);
    const weights = declare({ kind: 'weights', layer }, 'fp16', [1, 1, 1, elements]);
    const parameter = (name: string, size: readonly number[]): MilValue => {
      const length = size.reduce((product, each) => product * each, 1);
      return b.reshape(b.sliceBySize(weights, [0, 0, 0, places.get(name)!], [1, 1, 1, length]), size);
    };
    return {
      builder: b,
      shape: { ...config, batch: 1, sequence: tokens },
      form: {},
      project(name, x, transposed = false) {
        const [out, own = 1] = parameters[name]!.shape;
        const product = b.matmul(parameter(name, [1, 1, out, own]), b.reshape(x, [1, 1, x.shape[1]!, tokens]), {
          x: transposed,
        });
        return b.reshape(product, [1, product.shape[2]!, 1, tokens]);
      },
      vector: (name) => parameter(name, [1, parameters[name]!.shape[0], 1, 1]),
      constant(name, size, values) {
        const known = constantValues.get(name) ?? b.weight(name, size);
        if (!constants.has(name)) constants.set(name, values());
        constantValues.set(name, known);
        return known;
      },
      continuation: {
        keys: seen + tokens,
        table(name, size, values) {
          const known = tables.get(name) ?? declare({ kind: 'positions', shape: size, values }, 'fp16', size);
          tables.set(name, known);
          return known;
        },
        past(value) {
          const first = kept.length * capacity * rows;
          kept.push(b.reshape(b.transpose(value, [0, 3, 2, 1]), [1, 1, 1, tokens * rows]));
          const matrix = b.sliceBySize(cache, [0, 0, 0, first], [1, 1, 1, seen * rows]);
          return b.transpose(b.reshape(matrix, [1, seen, 1, rows]), [0, 3, 2, 1]);
        },
      },
    };
  };
  let x = b.cast(b.transpose(text, [0, 3, 2, 1]), 'fp32');
  let norm = 0;
  for (const [layer, definition] of layers.entries()) {
    const writer = writerOf(layer);
    for (const { operations } of definition.blocks) {
      const weight = b.sliceBySize(norms, [norm++, 0, 0, 0], [1, dim, 1, 1]);
      const meanSquare = b.mul(b.reduceSum(b.mul(x, x), [1]), 1 / dim);
      const scale = b.pow(b.add(meanSquare, eps), -0.5);
      const xn = b.cast(b.mul(b.mul(x, scale), weight), 'fp16');
      x = b.add(x, b.cast(writeForward(writer, operations, { xn }).y!, 'fp32'));
    }
  }
  b.output('y', b.transpose(x, [0, 3, 2, 1]));
  b.output('kept', b.concat(kept, 3));
  return { program: b.build(), inputs, kept: kept.length, constants };
}
