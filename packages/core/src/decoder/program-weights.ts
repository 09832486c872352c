import { addon } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { MilProgram, WeightRecord } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';
import type { WeightSources } from '../pool/types.js';
import type { ConstantWeight } from '../programs/constant-weights.js';
import type { ModelState } from './model-state.js';

/** A program's weight files in the arena. */
export class ProgramWeights {
  readonly #program: MilProgram;
  readonly #files: readonly Tensor<'uint8'>[];

  constructor(source: TensorSource, program: MilProgram) {
    this.#program = program;
    this.#files = program.weightFiles.map(({ bytes }) => source.tensor('uint8', [bytes]));
  }

  /** The ranges in the arena, which every compilation reads again. */
  get sources(): WeightSources {
    const entries = this.#program.weightFiles.map(({ path }, index) => {
      const { offset, bytes } = this.#files[index]!;
      return [path, { offset, bytes }] as const;
    });
    return Object.fromEntries(entries);
  }

  /** Writes headers, metadata and the constants that never change. */
  initialize(constants: ReadonlyMap<string, Float32Array>): void {
    for (const [index, layout] of this.#program.weightFiles.entries()) {
      fillWeightFile(layout, constants, this.#files[index]!.array());
    }
  }

  /** Queues the writing of a layer's parameters where the program's constants are: so many elements, there once `written` resolves. */
  write(
    state: ModelState,
    layer: number,
    weights: readonly ConstantWeight[],
  ): { readonly elements: number; readonly written: Promise<unknown> } {
    let elements = 0;
    const writes = weights.map((weight) => {
      const { parameter, transposed, part } = weight;
      const [rows, columns] = state.layout.entry(parameter, layer).shape;
      // Of a part, the columns that it sums over, or the rows of the transposed matrix.
      const { first, count } = part ?? { first: 0, count: transposed ? rows : columns };
      elements += count * (transposed ? columns : rows);
      return addon.mathQueue.toHalf(state.parameters.arena, {
        from: state.parameter(parameter, layer) + 4 * first * (transposed ? columns : 1),
        fromStride: columns,
        to: this.#offset(weight),
        toStride: count,
        ...(transposed ? { rows: count, columns } : { rows, columns: count }),
        transpose: transposed,
      });
    });
    return { elements, written: Promise.all(writes) };
  }

  /** Arena offset of a weight's data. */
  #offset({ file, record }: ConstantWeight): number {
    return this.#files[file]!.offset + this.#record(file, record).dataOffset;
  }

  #record(file: number, name: string): WeightRecord {
    const record = this.#program.weightFiles[file]?.records.find((candidate) => candidate.name === name);
    if (record === undefined) throw new RangeError(`Expected a record of weight file ${file}, got ${name}`);
    return record;
  }
}
