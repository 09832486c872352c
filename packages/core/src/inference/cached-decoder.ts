import { addon } from '@mayfly/native';
import { ProgramWeights } from '../decoder/program-weights.js';
import type { TextModel } from '../decoder/text-model.js';
import type { KernelCompiler } from '../decoder/timed-kernel.js';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ModelConfig } from '../model/config.js';
import type { Kernel } from '../pool/types.js';
import { type CachedInput, cachedProgram, keptRows } from '../programs/cached-program.js';
import type { LayerDefinition } from '../programs/layer-graph.js';
import { HalfParameters } from './half-parameters.js';

export interface CachedDecoderOptions {
  readonly config: ModelConfig;
  /** The definition of each layer. */
  readonly layers: readonly LayerDefinition[];
  /** Tokens of a text at most. */
  readonly context: number;
}

/** Tokens of a text that one dispatch takes, where more than one is new. */
const PREFILL = 128;
/** Places of the cache that the first programs look at. Later ones look at twice as many, up to all. */
const FIRST_SEEN = 256;

/** A program for `tokens` tokens behind up to `seen` others, with its tensors in the order of its ports. */
interface Loaded {
  readonly kernel: Kernel;
  readonly tokens: number;
  readonly seen: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly tables: readonly PositionTable[];
}

/** An input of a program that follows from positions, and its values before they are rounded. */
interface PositionTable {
  readonly input: CachedInput & { kind: 'positions' };
  readonly single: Tensor<'fp32'>;
  readonly tensor: Tensor<'fp16'>;
}

/**
 * Continues a text without computing earlier tokens again: their keys and values lie in a cache, which a program for several tokens
 * (a prompt) or for one reads as its input. Weights are fp16, once, and inputs as well: programs serve any weights, and no length
 * has one of its own.
 */
export class CachedDecoder implements TextModel {
  readonly context: number;
  readonly parameters: HalfParameters;
  readonly #options: CachedDecoderOptions;
  readonly #source: TensorSource;
  readonly #compiler: () => KernelCompiler;
  /** fp16, one matrix [context, rows] after the other: keys and values of each layer. */
  readonly #cache: Tensor<'fp16'>;
  /** Embeddings of the tokens of a dispatch, [tokens, dim]. */
  readonly #embeddings: Tensor<'fp16'>;
  readonly #output: Tensor<'fp32'>;
  readonly #kept: Tensor<'fp16'>;
  readonly #normed: Tensor<'fp32'>;
  readonly #logits: Tensor<'fp32'>;
  readonly #programs = new Map<string, Promise<Loaded>>();
  /** The tokens whose keys and values are in the cache. */
  #cached: number[] = [];

  /**
   * @param source Where everything lies; programs take more when they are first used.
   * @param compiler Where programs are compiled.
   */
  constructor(source: TensorSource, options: CachedDecoderOptions, compiler: () => KernelCompiler) {
    const { config, layers, context } = options;
    const { dim, vocab } = config;
    this.context = context;
    this.#options = options;
    this.#source = source;
    this.#compiler = compiler;
    this.parameters = new HalfParameters(source, config, layers);
    const tokens = Math.min(PREFILL, context);
    const kept = 2 * layers.length * keptRows(config);
    this.#cache = source.tensor('fp16', [kept * context]);
    this.#embeddings = source.tensor('fp16', [tokens, dim]);
    this.#output = source.tensor('fp32', [tokens, dim]);
    this.#kept = source.tensor('fp16', [kept * tokens]);
    this.#normed = source.tensor('fp32', [dim]);
    this.#logits = source.tensor('fp32', [vocab]);
  }

  async next(text: readonly number[]): Promise<Float32Array> {
    let known = 0;
    while (known < text.length - 1 && this.#cached[known] === text[known]) known++;
    this.#cached.length = known;
    while (this.#cached.length < text.length) {
      await this.#append(text.slice(this.#cached.length, this.#cached.length + PREFILL));
    }
    return this.#logits.array();
  }

  /** Logits after these tokens, which are PREFILL at most. */
  async #append(tokens: readonly number[]): Promise<void> {
    const { config } = this.#options;
    const { dim, vocab, eps } = config;
    const { arena } = this.#cache;
    const first = this.#cached.length;
    const program = await this.#program(tokens.length, first);
    this.parameters.embed(tokens, this.#embeddings);
    this.#setTables(program, first);
    await program.kernel.run(program.inputs, program.outputs);
    const rowBytes = 2 * keptRows(config);
    addon.math.copyRows(arena, {
      from: this.#kept.offset,
      fromStride: program.tokens * rowBytes,
      to: this.#cache.offset + first * rowBytes,
      toStride: this.context * rowBytes,
      rows: 2 * config.layers,
      rowBytes: tokens.length * rowBytes,
    });
    this.#cached.push(...tokens);
    addon.math.residualNorm(arena, {
      x: this.#output.offset + 4 * dim * (tokens.length - 1),
      weight: this.parameters.finalNorm.offset,
      out: this.#normed.offset,
      outType: 'fp32',
      outStride: 1,
      eps,
      dim,
      columns: 1,
    });
    await addon.mathQueue.logits(arena, {
      ...{ x: this.#normed.offset, column: 0, columns: 1, out: this.#logits.offset, vocab, dim },
      ...{ table: this.parameters.head.offset, tableType: 'fp16' },
    });
  }

  /** Gives a program what follows from the positions of its tokens, the first of which is `first`. */
  #setTables({ tables, tokens, seen }: Loaded, first: number): void {
    const positions: { context: number; tokens: number[]; keys: number[] } = {
      context: this.context,
      tokens: [],
      keys: [],
    };
    for (let index = 0; index < seen; index++) positions.keys.push(index < first ? index : Number.POSITIVE_INFINITY);
    for (let index = first; index < first + tokens; index++) {
      positions.tokens.push(index);
      positions.keys.push(index);
    }
    for (const { input, single, tensor } of tables) {
      const { arena, offset: to, elements: columns } = tensor;
      single.array().set(input.values(positions));
      const row = { rows: 1, columns, fromStride: columns, toStride: columns, transpose: false };
      addon.math.toHalf(arena, { from: single.offset, to, ...row });
    }
  }

  #program(count: number, before: number): Promise<Loaded> {
    const { context } = this.#options;
    const tokens = count === 1 ? 1 : Math.min(PREFILL, context);
    let seen = FIRST_SEEN;
    while (seen < before) seen *= 2;
    seen = Math.min(seen, context);
    const key = `${tokens}.${seen}`;
    const known = this.#programs.get(key) ?? this.#load(tokens, seen);
    this.#programs.set(key, known);
    return known;
  }

  async #load(tokens: number, seen: number): Promise<Loaded> {
    const { context: capacity, ...options } = this.#options;
    const written = cachedProgram({ ...options, tokens, seen, capacity });
    const { program, constants } = written;
    const weights = new ProgramWeights(this.#source, program);
    weights.initialize(constants);
    const name = tokens === 1 ? 'decode' : 'prefill';
    const kernel = await this.#compiler().compile({ name, text: program.text, weights: weights.sources });
    const inputs = written.inputs.map((input) => this.#tensorOf(input, tokens));
    const tables = written.inputs.flatMap((input, index): PositionTable[] => {
      if (input.kind !== 'positions') return [];
      const single = this.#source.tensor('fp32', input.shape);
      return [{ input, single, tensor: inputs[index] as Tensor<'fp16'> }];
    });
    return { kernel, tokens, seen, inputs, tables, outputs: this.#outputs(tokens) };
  }

  #tensorOf(input: CachedInput, tokens: number): Tensor {
    switch (input.kind) {
      case 'tokens':
        return this.#embeddings.at(0, [tokens, this.#options.config.dim]);
      case 'cache':
        return this.#cache;
      case 'norms':
        return this.parameters.norms;
      case 'weights':
        return this.parameters.layers[input.layer]!;
      case 'positions':
        return this.#source.tensor('fp16', input.shape);
    }
  }

  #outputs(tokens: number): Tensor[] {
    const { config } = this.#options;
    const kept = 2 * config.layers * keptRows(config) * tokens;
    return [this.#output.at(0, [tokens, config.dim]), this.#kept.at(0, [kept])];
  }

  /** Unloads the kernels. */
  async dispose(): Promise<void> {
    const loaded = await Promise.all([...this.#programs.values()]);
    await Promise.all(loaded.map(({ kernel }) => kernel.dispose()));
  }
}
