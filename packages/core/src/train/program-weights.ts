import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { MilProgram, WeightRecord } from '../mil/types.js';
import { fillWeightFile } from '../mil/weight-file.js';
import type { WeightSources } from '../pool/types.js';
import type { ConstantWeight } from '../programs/static.js';

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

  /** Arena offset of a weight's data. */
  offset({ file, record }: ConstantWeight): number {
    return this.#files[file]!.offset + this.#record(file, record).dataOffset;
  }

  #record(file: number, name: string): WeightRecord {
    const record = this.#program.weightFiles[file]?.records.find((candidate) => candidate.name === name);
    if (record === undefined) throw new RangeError(`Expected a record of weight file ${file}, got ${name}`);
    return record;
  }
}
