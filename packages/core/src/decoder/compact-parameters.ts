import { setImmediate } from 'node:timers/promises';
import { addon } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { CompactVocabulary } from '../model/compact-vocabulary.js';
import { type ParameterEntry, ParameterLayout, type ParameterSpecs } from '../model/parameters.js';

const PAGE = 4096;

/**
 * The parameters of a model of a compact vocabulary as a part of those of the whole model. The rows of its tables that belong to no class
 * are kept beside them, since nothing reads or changes them in training.
 */
export class CompactParameters {
  /** Of the whole model. */
  readonly layout: ParameterLayout;
  readonly #own: ParameterLayout;
  readonly #parameters: Tensor<'fp32'>;
  /** The rows without a class of each table, by its name: fp32 [unused, dim]. */
  readonly #unused: ReadonlyMap<string, Tensor<'fp32'>>;

  /**
   * @param own Where the parameters of the compact model lie in `parameters`.
   * @param specsOf The parameters of a layer.
   */
  constructor(
    source: TensorSource,
    readonly vocabulary: CompactVocabulary,
    own: ParameterLayout,
    parameters: Tensor<'fp32'>,
    specsOf: (layer: number) => ParameterSpecs,
  ) {
    const { config } = own;
    this.layout = new ParameterLayout({ ...config, vocab: vocabulary.whole }, specsOf);
    this.#own = own;
    this.#parameters = parameters;
    const tables = config.tiedHead ? ['embedding'] : ['embedding', 'head'];
    const shape = [vocabulary.unused, config.dim];
    this.#unused = new Map(tables.map((name) => [name, source.tensor('fp32', shape)]));
  }

  /** The classifier's rows that belong to no class: fp32 [unused, dim]. */
  get unusedHead(): Tensor<'fp32'> {
    return this.#unused.get('head') ?? this.#unused.get('embedding')!;
  }

  /**
   * Takes the parameters of the whole model, adapters excepted.
   *
   * @param write Writes them, in the whole layout.
   */
  async fill(write: (target: Float32Array) => Promise<void>): Promise<void> {
    // Memory of its own, which goes back to the system at once, as the garbage collector's would not.
    const memory = addon.createArena(Math.ceil((4 * this.layout.count) / PAGE) * PAGE);
    try {
      const { buffer, byteOffset } = memory.view(0, 4 * this.layout.count);
      const whole = new Float32Array(buffer as ArrayBuffer, byteOffset, this.layout.count);
      await write(whole);
      const own = this.#parameters.array();
      for (const [entry, { offset, count }] of this.#pairs()) {
        const values = whole.subarray(offset, offset + count);
        if (!this.#unused.has(entry.name) || entry.layer >= 0) own.set(values, entry.offset);
        else for (const [from, to] of this.#rows(entry, own)) to.set(values.subarray(from, from + to.length));
        await setImmediate();
      }
    } finally {
      memory.discard(0, memory.bytes);
      memory.close();
    }
  }

  /** Views of the whole model's parameters, adapters excepted, which follow each other in its layout. */
  pieces(): Uint8Array[] {
    const own = this.#parameters.array();
    const views: Float32Array[] = [];
    for (const [entry] of this.#pairs()) {
      if (this.#unused.has(entry.name) && entry.layer < 0) {
        for (const [, view] of this.#rows(entry, own)) views.push(view);
      } else views.push(own.subarray(entry.offset, entry.offset + entry.count));
    }
    return views.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  }

  /** Each parameter in the layout of the compact model and in that of the whole one. */
  *#pairs(): Generator<readonly [ParameterEntry, ParameterEntry]> {
    for (const [index, entry] of this.#own.entries.entries()) {
      if (entry.adapter === undefined) yield [entry, this.layout.entries[index]!];
    }
  }

  /** The rows of a table of the whole model: the first element of a run of them in that table, and where they are. */
  *#rows(
    { name, offset, shape: [, dim] }: ParameterEntry,
    own: Float32Array,
  ): Generator<readonly [number, Float32Array]> {
    const unused = this.#unused.get(name)!.array();
    for (const { isUsed, row, own: first, count } of this.vocabulary.runs()) {
      const start = (isUsed ? offset : 0) + first * dim;
      yield [row * dim, (isUsed ? own : unused).subarray(start, start + count * dim)];
    }
  }
}
