import type { MilOptions, MilValue } from '../mil/graph.js';
import { LayerGraph, type Projection, projectionSizes } from './layer-graph.js';
import type { MatrixSize } from './pack-surface.js';
import type { FixedConstants, LayerProgram, PackedWeight, ProgramShape, Slot, Surface } from './program-shape.js';
import { ProgramWriter } from './program-writer.js';

/** A program whose weights lie in its input, beside the activations: an update is a memory write. */
export interface DynamicLayerProgram<Input extends string = string, Output extends string = string>
  extends LayerProgram<Input, Output>,
    FixedConstants {
  readonly weights: readonly PackedWeight[];
  /** Columns of the input from the first on that hold activations; beyond lie only weights. */
  readonly activationColumns: number;
}

/** Packed as [in, out], so that every weight slot of a half has `dim` columns. */
const transposedProjections: ReadonlySet<string> = new Set<Projection>(['wo', 'w2']);

/** [rows, columns] of a projection in a packed surface. */
export function packedSize(shape: ProgramShape, parameter: Projection): MatrixSize {
  const [rows, columns] = projectionSizes(shape)[parameter];
  return transposedProjections.has(parameter) ? [columns, rows] : [rows, columns];
}

/** A program with packed weights while it is written: projections are matrix products. */
export class DynamicWriter<Input extends string> extends ProgramWriter<Input> {
  readonly graph: LayerGraph;
  readonly #weights: readonly PackedWeight[];

  constructor(
    input: Surface<Input>,
    weights: readonly (Projection & Input)[],
    shape: ProgramShape,
    options: MilOptions,
  ) {
    super(input, options);
    this.#weights = weights.map((parameter) => ({
      parameter,
      transposed: transposedProjections.has(parameter),
      slot: input.slots[parameter],
    }));
    const { builder: b } = this;
    const packed = this.inputs as Readonly<Partial<Record<string, MilValue>>>;
    // The Neural Engine multiplies [1, 1, rows, columns] where it refuses [1, rows, 1, columns].
    const matrix = (x: MilValue) => b.reshape(x, [1, 1, x.shape[1]!, x.shape[3]!]);
    this.graph = new LayerGraph(this, shape, (parameter, x, transposed = false) => {
      const flip = transposed !== transposedProjections.has(parameter);
      const product = b.matmul(matrix(packed[parameter]!), matrix(x), { x: flip });
      return b.reshape(product, [1, product.shape[2]!, 1, product.shape[3]!]);
    });
  }

  /** Ends the program: its output is the results, one below the other. */
  override finish<Output extends string>(
    results: Readonly<Record<Output, MilValue>>,
  ): DynamicLayerProgram<Input, Output> {
    const kernel = super.finish(results);
    const packed = new Set(this.#weights.map(({ slot }) => slot));
    const activations = Object.values<Slot>(kernel.input.slots).filter((slot) => !packed.has(slot));
    const activationColumns = Math.max(...activations.map(({ column, columns }) => column + columns));
    return { ...kernel, weights: this.#weights, activationColumns };
  }
}
