import type { MilOptions, MilValue } from '../mil/graph.js';
import type { LayerParameter } from '../model/parameters.js';
import { LayerGraph, projectionSizes } from './layer-graph.js';
import { normalize } from './normalize.js';
import { stackSurface } from './pack-surface.js';
import type { ConstantWeight, FixedConstants, LayerProgram, ProgramShape, WeightUse } from './program-shape.js';
import { ProgramWriter } from './program-writer.js';

/** A program whose weights are constants: every update is a compilation. */
export interface StaticLayerProgram<Input extends string = string, Output extends string = string>
  extends LayerProgram<Input, Output>,
    FixedConstants {
  readonly weights: readonly ConstantWeight[];
}

/** A program with constant weights while it is written: projections are 1×1 convolutions. */
export class StaticWriter<Input extends string> extends ProgramWriter<Input> {
  readonly graph: LayerGraph;
  readonly #eps: number;
  readonly #uses: (WeightUse & { readonly record: string })[] = [];

  /** @param rows Rows of the input's matrices, one below the other. */
  constructor(rows: Readonly<Record<Input, number>>, shape: ProgramShape, options: MilOptions) {
    super(stackSurface(rows, shape.batch * shape.sequence), options);
    this.#eps = shape.eps;
    const sizes = projectionSizes(shape);
    this.graph = new LayerGraph(this, shape, (parameter, x, transposed = false) => {
      const [rows, columns] = sizes[parameter];
      const size = transposed ? [columns, rows, 1, 1] : [rows, columns, 1, 1];
      return this.builder.conv(x, this.#weight(parameter, transposed, size));
    });
  }

  /** RMSNorm of x with a norm parameter. */
  normalize(parameter: LayerParameter, x: MilValue): MilValue {
    return normalize(this.builder, x, this.#weight(parameter, false, [1, x.shape[1]!, 1, 1]), this.#eps);
  }

  /** Ends the program: its output is the results, one below the other. */
  override finish<Output extends string>(
    results: Readonly<Record<Output, MilValue>>,
  ): StaticLayerProgram<Input, Output> {
    const kernel = super.finish(results);
    const { weightFiles } = kernel.program;
    const weights = this.#uses.map((use) => {
      const file = weightFiles.findIndex(({ records }) => records.some(({ name }) => name === use.record));
      return { ...use, file };
    });
    return { ...kernel, weights };
  }

  #weight(parameter: LayerParameter, transposed: boolean, size: readonly number[]): MilValue {
    const record = transposed ? `${parameter}Transposed` : parameter;
    this.#uses.push({ parameter, transposed, record });
    return this.builder.weight(record, size);
  }
}
