import type { MilValue } from '../mil/graph.js';
import type { ParameterSpecs } from '../model/parameters.js';
import { type ConstantWeight, ConstantWeights } from './constant-weights.js';
import { type ContractionPart, contract } from './contraction.js';
import type { ProgramForm } from './form.js';
import { type BlockPrograms, decoderLayerOf, namePrograms } from './layer.js';
import { type LayerDefinition, type LayerWriter, rowsOf, valueRows } from './layer-graph.js';
import {
  type FixedConstants,
  type LayerProgram,
  type MatrixSize,
  type ProgramShape,
  packSurface,
  type Slot,
  type Surface,
  type WeightUse,
} from './shape.js';
import { blockFlow, forwardStages, type Stage, variantOf } from './stages.js';
import { ProgramWriter } from './writer.js';

/** A parameter's place in the input surface. */
export interface PackedWeight extends WeightUse {
  readonly slot: Slot;
}

/** A program whose weights lie in its input, beside the activations: an update is a memory write. Those that never change may be constants. */
export interface DynamicLayerProgram<Input extends string = string, Output extends string = string>
  extends LayerProgram<Input, Output>,
    FixedConstants {
  readonly weights: readonly PackedWeight[];
  readonly constantWeights: readonly ConstantWeight[];
  /** Columns of the input from the first on that hold activations; beyond lie only weights. */
  readonly activationColumns: number;
}

export type DynamicBlock = BlockPrograms<DynamicLayerProgram>;

/** Widths that are no multiple of it were seen to give wrong data on the Neural Engine. */
const WIDTH_MULTIPLE = 32;

/**
 * The programs of a layer whose weights are packed in the input: the same serve every such layer, unless some weights are constants. The forward pass of a block leads
 * from `xn` to `y` and what is kept, the backward pass from `dy`, the gradient of y, and what was saved to `dxn` and what weight
 * gradients read. Norms and residual sums are host math. Where each pass is one program, both have one surface, so that weights are
 * written once per update.
 *
 * @param isConstant Of a parameter's name. Default: none is.
 */
export function dynamicBlocks(
  layer: LayerDefinition,
  shape: ProgramShape,
  form: ProgramForm = {},
  isConstant: (parameter: string) => boolean = () => false,
): DynamicBlock[] {
  const parameters = layer.parameters(shape);
  return layer.blocks.map((block) => {
    const flow = blockFlow(block, variantOf(block, form));
    const forward = forwardStages(block.operations, flow, 'y');
    const rows = valueRows(block, parameters, shape);
    const surfaceOf = (...stages: readonly Stage[]) =>
      packedSurface(
        [...new Set(stages.flatMap(({ reads }) => reads))],
        flow.weights.filter((name) => !isConstant(name) && stages.some((stage) => stage.parameters.includes(name))),
        { rows, parameters, shape },
      );
    const whole = forward.length === 1 && flow.backward.length === 1 ? surfaceOf(forward[0]!, flow.backward[0]!) : null;
    const program = (stage: Stage) => {
      const { writer, inputs, finish } = openProgram(whole ?? surfaceOf(stage), parameters, shape, form);
      return { ...finish(stage.write(writer, inputs)), stage: stage.name, reads: stage.reads };
    };
    return { block, flow, forward: forward.map(program), backward: flow.backward.map(program) };
  });
}

/** The programs of a layer with adapters: those are packed in the input, all other parameters are constants. */
export function adapterBlocks(layer: LayerDefinition, shape: ProgramShape, form: ProgramForm = {}): DynamicBlock[] {
  const parameters = layer.parameters(shape);
  return dynamicBlocks(layer, shape, form, (name) => parameters[name]!.adapter === undefined);
}

/** The programs of a layer by their names. Default: the decoder's own for the shape. */
export const dynamicPrograms = (
  shape: ProgramShape,
  form: ProgramForm = {},
  layer: LayerDefinition = decoderLayerOf(shape),
) => namePrograms(dynamicBlocks(layer, shape, form));

interface Sizes {
  readonly rows: Readonly<Record<string, number>>;
  readonly parameters: ParameterSpecs;
  readonly shape: ProgramShape;
}

/** Activations first, then weights, the largest first. */
function packedSurface(
  activations: readonly string[],
  weights: readonly string[],
  { rows, parameters, shape }: Sizes,
): Surface<string> {
  const columns = shape.batch * shape.sequence;
  const packed = weights
    .map((parameter) => [parameter, packedSize(parameters, parameter)] as const)
    .sort(([, a], [, b]) => b[1] - a[1] || b[0] - a[0]);
  const matrices: Record<string, MatrixSize> = Object.fromEntries([
    ...activations.map((name) => [name, [rowsOf(rows, name), columns]]),
    ...packed,
  ]);
  const channels = Math.max(...Object.values(matrices).map(([count]) => count));
  return packSurface(channels, matrices, WIDTH_MULTIPLE);
}

/**
 * Matrices that write to the residual stream are packed as [in, out], so that most weights of a block are `dim` columns wide, and so are
 * adapters, so that they are as narrow as their rank.
 */
const isPackedTransposed = ({
  shape: [rows, columns = 1],
  residual = false,
  adapter,
}: ParameterSpecs[string]): boolean => (adapter === undefined ? residual : columns > rows);

function packedSize(parameters: ParameterSpecs, name: string): MatrixSize {
  const [rows, columns = 1] = parameters[name]!.shape;
  return isPackedTransposed(parameters[name]!) ? [columns, rows] : [rows, columns];
}

/** A program with packed weights: projections are matrix products. */
function openProgram(input: Surface<string>, parameters: ParameterSpecs, shape: ProgramShape, form: ProgramForm) {
  const program = new ProgramWriter(input, form);
  const { builder: b, inputs } = program;
  const constants = new ConstantWeights(b, parameters, form);
  const isTransposed = (parameter: string) => isPackedTransposed(parameters[parameter]!);
  // The Neural Engine multiplies [1, 1, rows, columns] where it refuses [1, rows, 1, columns].
  const matrix = (x: MilValue) => b.reshape(x, [1, 1, x.shape[1]!, x.shape[3]!]);
  const writer: LayerWriter = {
    builder: b,
    shape,
    form,
    project(parameter, x, transposed = false) {
      const weight = inputs[parameter];
      if (weight === undefined) return constants.project(parameter, x, transposed);
      const [, rows, , columns] = weight.shape as [number, number, number, number];
      const sumsRows = transposed !== isTransposed(parameter);
      const partOf = ({ first, count }: ContractionPart) =>
        sumsRows
          ? b.sliceBySize(weight, [0, first, 0, 0], [1, count, 1, columns])
          : b.sliceBySize(weight, [0, 0, 0, first], [1, rows, 1, count]);
      return contract(b, x, form, (own, part) => {
        const product = b.matmul(matrix(part === null ? weight : partOf(part)), matrix(own), { x: sumsRows });
        return b.reshape(product, [1, product.shape[2]!, 1, product.shape[3]!]);
      });
    },
    vector: (parameter) => inputs[parameter] ?? constants.vector(parameter),
    constant: (name, size, values) => program.constant(name, size, values),
  };
  const weights = Object.entries(input.slots)
    .filter(([name]) => name in parameters)
    .map(([parameter, slot]) => ({ parameter, transposed: isTransposed(parameter), slot }));
  const activations = Object.entries(input.slots).filter(([name]) => !(name in parameters));
  const activationColumns = Math.max(...activations.map(([, { column, columns }]) => column + columns));
  const finish = (results: Readonly<Record<string, MilValue>>): DynamicLayerProgram => {
    const written = program.finish(results);
    return { ...written, weights, constantWeights: constants.placedIn(written.program), activationColumns };
  };
  return { inputs, writer, finish };
}
