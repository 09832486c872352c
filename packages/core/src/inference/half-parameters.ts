import { addon, invalidArgument } from '@mayfly/native';
import { checkHalves } from '../decoder/finite.js';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ModelConfig } from '../model/config.js';
import type { ModelSource } from '../model/load-model.js';
import { type ParameterEntry, ParameterLayout, type ParameterPart } from '../model/parameters.js';
import { layerPlaces } from '../programs/cached-program.js';
import type { LayerDefinition } from '../programs/layer-graph.js';

/** fp32 elements that are converted at a time. */
const CHUNK = 1 << 18;

/** A model's parameters for inference alone: matrices in fp16, the weights of norms in fp32. */
export class HalfParameters {
  /** [vocab, dim]. */
  readonly embedding: Tensor<'fp16'>;
  /** [vocab, dim]; of a tied model the embedding. */
  readonly head: Tensor<'fp16'>;
  /** [dim]. */
  readonly finalNorm: Tensor<'fp32'>;
  /** Norms of the layers' blocks, [blocks, dim, 1, 1]. */
  readonly norms: Tensor<'fp32'>;
  /** Of each layer, as `layerPlaces` lays them out. */
  readonly layers: readonly Tensor<'fp16'>[];
  readonly #config: ModelConfig;
  readonly #definitions: readonly LayerDefinition[];
  readonly #staging: Tensor<'fp32'>;

  constructor(source: TensorSource, config: ModelConfig, definitions: readonly LayerDefinition[]) {
    const { dim, vocab, tiedHead } = config;
    this.#config = config;
    this.#definitions = definitions;
    this.embedding = source.tensor('fp16', [vocab, dim]);
    this.head = tiedHead ? this.embedding : source.tensor('fp16', [vocab, dim]);
    this.finalNorm = source.tensor('fp32', [dim]);
    this.norms = source.tensor('fp32', [definitions.reduce((sum, { blocks }) => sum + blocks.length, 0), dim, 1, 1]);
    this.layers = definitions.map((each) => source.tensor('fp16', [layerPlaces(each.parameters(config)).elements]));
    this.#staging = source.tensor('fp32', [CHUNK]);
  }

  /**
   * Reads a model's parameters and converts them piece by piece.
   *
   * @throws `ERR_INVALID_ARGUMENT` for a model without parameters; `ERR_MODEL_VALUES` for values that are not finite or that fp16 cannot hold; errors of the model's file.
   */
  async load({ parameters, description }: Pick<ModelSource, 'parameters' | 'description'>): Promise<void> {
    if (parameters === undefined) throw invalidArgument('model', 'one with parameters', description);
    const layout = new ParameterLayout(this.#config, (layer) => this.#definitions[layer]!.parameters(this.#config));
    await parameters(async (piece) => {
      for (const part of layout.partsOf(piece)) await this.#store(part, description);
    });
  }

  /** Writes the embeddings of tokens, one row each, to the first rows of `out` [tokens, dim]. */
  embed(tokens: readonly number[], out: Tensor<'fp16'>): void {
    const { dim } = this.#config;
    const table = this.embedding.bits();
    const rows = out.bits();
    for (const [row, token] of tokens.entries()) rows.set(table.subarray(token * dim, (token + 1) * dim), row * dim);
  }

  async #store({ entry, first, values }: ParameterPart, description: string): Promise<void> {
    const single = this.#singleOf(entry);
    if (single !== null) return single.at(first, [values.length]).set(values);
    const { arena, offset: from } = this.#staging;
    const place = this.#halfOf(entry) + 2 * first;
    for (let start = 0; start < values.length; start += CHUNK) {
      const columns = Math.min(CHUNK, values.length - start);
      const part = this.#staging.at(0, [columns]);
      part.set(values.subarray(start, start + columns));
      await checkHalves(part, entry, description);
      const to = place + 2 * start;
      const row = { rows: 1, columns, fromStride: columns, toStride: columns, transpose: false };
      await addon.mathQueue.toHalf(arena, { from, to, ...row });
    }
  }

  /** The place of a parameter that stays fp32; null for others. */
  #singleOf({ name, layer }: ParameterEntry): Tensor<'fp32'> | null {
    if (layer < 0) return name === 'finalNorm' ? this.finalNorm : null;
    const before = this.#definitions.slice(0, layer).reduce((sum, { blocks }) => sum + blocks.length, 0);
    const block = this.#definitions[layer]!.blocks.findIndex(({ norm }) => norm === name);
    return block === -1 ? null : this.norms.at((before + block) * this.#config.dim, [this.#config.dim]);
  }

  /** Arena offset of a parameter that becomes fp16. */
  #halfOf({ name, layer }: ParameterEntry): number {
    if (layer < 0) return name === 'head' ? this.head.offset : this.embedding.offset;
    const { places } = layerPlaces(this.#definitions[layer]!.parameters(this.#config));
    return this.layers[layer]!.offset + 2 * places.get(name)!;
  }
}
