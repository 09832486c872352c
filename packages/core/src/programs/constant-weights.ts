import type { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';
import type { MilProgram } from '../mil/types.js';
import type { ParameterSpecs } from '../model/parameters.js';
import { type ContractionPart, contract } from './contraction.js';
import type { ProgramForm } from './form.js';
import type { WeightUse } from './shape.js';

/** A parameter's place in a program's weight files. Constants that never change (mask, RoPE tables) are not listed. */
export interface ConstantWeight extends WeightUse {
  /** Index into `program.weightFiles`. */
  readonly file: number;
  /** Name of the record in that file. */
  readonly record: string;
  /** The channels that its product sums over, where they are not all: columns of the parameter, or rows where it is transposed. */
  readonly part: ContractionPart | null;
}

/** Parameters as constants of a program: matrices are 1×1 convolutions. */
export class ConstantWeights {
  readonly #uses: Omit<ConstantWeight, 'file'>[] = [];
  readonly #builder: MilBuilder;
  readonly #parameters: ParameterSpecs;
  readonly #form: ProgramForm;
  readonly #values = new Map<string, MilValue>();

  constructor(builder: MilBuilder, parameters: ParameterSpecs, form: ProgramForm) {
    this.#builder = builder;
    this.#parameters = parameters;
    this.#form = form;
  }

  project(parameter: string, x: MilValue, transposed = false): MilValue {
    const [rows, columns = 1] = this.#parameters[parameter]!.shape;
    const [out, all] = transposed ? [columns, rows] : [rows, columns];
    return contract(this.#builder, x, this.#form, (own, part) =>
      this.#builder.conv(own, this.#constant({ parameter, transposed, part }, [out, part?.count ?? all, 1, 1])),
    );
  }

  vector(parameter: string): MilValue {
    return this.#constant({ parameter, transposed: false, part: null }, [
      1,
      this.#parameters[parameter]!.shape[0],
      1,
      1,
    ]);
  }

  /** Those that the finished program reads. */
  placedIn({ weightFiles }: MilProgram): ConstantWeight[] {
    const fileOf = (record: string) =>
      weightFiles.findIndex(({ records }) => records.some(({ name }) => name === record));
    return this.#uses.map((use) => ({ ...use, file: fileOf(use.record) })).filter(({ file }) => file >= 0);
  }

  #constant(use: Omit<ConstantWeight, 'file' | 'record'>, size: readonly number[]): MilValue {
    const { parameter, transposed, part } = use;
    const record = `${parameter}${transposed ? 'Transposed' : ''}${part === null ? '' : `.${part.first}`}`;
    const known = this.#values.get(record);
    if (known !== undefined) return known;
    const value = this.#builder.weight(record, size);
    this.#uses.push({ ...use, record });
    this.#values.set(record, value);
    return value;
  }
}
