import { MilBuilder } from '../mil/builder.js';
import type { MilOptions, MilValue } from '../mil/graph.js';
import { type FixedConstants, type LayerProgram, type Slot, type Surface, stackSurface } from './shape.js';

/** A program with one input and one output surface, while it is written. Matrices are values [1, rows, 1, columns]. */
export class ProgramWriter<Input extends string> {
  readonly builder: MilBuilder;
  /** The matrices of the input surface; those that no result needs cost nothing. */
  readonly inputs: Readonly<Record<Input, MilValue>>;
  readonly #input: Surface<Input>;
  readonly #constants = new Map<string, Float32Array>();
  readonly #values = new Map<string, MilValue>();

  constructor(input: Surface<Input>, options: MilOptions) {
    this.builder = new MilBuilder(options);
    this.#input = input;
    const { channels, width } = input;
    const source = this.builder.input('x', 'fp16', [1, channels, 1, width]);
    const matrices = Object.entries<Slot>(input.slots).map(([name, { row, column, rows, columns }]) => {
      const isWhole = rows === channels && columns === width;
      const begin = [0, row, 0, column];
      return [name, isWhole ? source : this.builder.sliceBySize(source, begin, [1, rows, 1, columns])];
    });
    this.inputs = Object.fromEntries(matrices);
  }

  /** An fp16 constant of the weight file that never changes; one per name. */
  constant(name: string, shape: readonly number[], values: () => Float32Array): MilValue {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const value = this.builder.weight(name, shape);
    this.#constants.set(name, values());
    this.#values.set(name, value);
    return value;
  }

  /** Ends the program: its output is the results, one below the other. */
  finish<Output extends string>(
    results: Readonly<Record<Output, MilValue>>,
  ): LayerProgram<Input, Output> & FixedConstants {
    const matrices = Object.entries<MilValue>(results);
    const rows = Object.fromEntries(matrices.map(([name, { shape }]) => [name, shape[1]!])) as Record<Output, number>;
    const columns = matrices[0]![1].shape[3]!;
    this.builder.output(
      'y',
      this.builder.concat(
        matrices.map(([, value]) => value),
        1,
      ),
    );
    return {
      program: this.builder.build(),
      input: this.#input,
      output: stackSurface(rows, columns),
      constants: this.#constants,
    };
  }
}
