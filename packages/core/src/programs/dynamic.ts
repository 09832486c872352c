import type { MilOptions, MilValue } from '../mil/graph.js';
import type { ParameterSpecs } from '../model/parameters.js';
import { decoderLayer, namePrograms } from './layer.js';
import {
  type Block,
  blockFlow,
  type LayerDefinition,
  type LayerWriter,
  pick,
  valueRows,
  writeBackward,
  writeForward,
} from './layer-graph.js';
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
import { ProgramWriter } from './writer.js';

/** A parameter's place in the input surface. */
export interface PackedWeight extends WeightUse {
  readonly slot: Slot;
}

/** A program whose weights lie in its input, beside the activations: an update is a memory write. */
export interface DynamicLayerProgram<Input extends string = string, Output extends string = string>
  extends LayerProgram<Input, Output>,
    FixedConstants {
  readonly weights: readonly PackedWeight[];
  /** Columns of the input from the first on that hold activations; beyond lie only weights. */
  readonly activationColumns: number;
}

export interface DynamicBlock {
  readonly block: Block;
  /** From `xn` and the weights to `y` and what is kept. */
  readonly forward: DynamicLayerProgram;
  /** From `dy`, the gradient of y, what was saved and the weights to `dxn` and what weight gradients read. */
  readonly backward: DynamicLayerProgram;
}

/** Widths that are no multiple of it were seen to give wrong data on the Neural Engine. */
const WIDTH_MULTIPLE = 32;

/**
 * The programs of a layer whose weights are packed in the input: the same serve every such layer. Each block has one surface for
 * both its programs, so that weights are written once per update. Norms and residual sums are host math.
 */
export function dynamicBlocks(layer: LayerDefinition, shape: ProgramShape, options: MilOptions = {}): DynamicBlock[] {
  const parameters = layer.parameters(shape);
  return layer.blocks.map((block) => {
    const { kept, gradients } = blockFlow(block);
    const input = blockSurface(block, parameters, shape);
    const [up, down] = [openProgram(input, parameters, shape, options), openProgram(input, parameters, shape, options)];
    const values = writeForward(up.writer, block.operations, { xn: up.program.inputs.xn! });
    const { dy, ...saved } = down.program.inputs;
    const results = writeBackward(down.writer, block.operations, { y: dy! }, saved);
    return {
      block,
      forward: up.finish({
        y: values.y!,
        ...pick(
          values,
          kept.filter((name) => name !== 'xn'),
        ),
      }),
      backward: down.finish(pick(results, gradients)),
    };
  });
}

/** The programs of the decoder's own layer. */
export const dynamicPrograms = (shape: ProgramShape, options: MilOptions = {}) =>
  namePrograms(dynamicBlocks(decoderLayer, shape, options));

/** Activations first, then weights, the largest first. */
function blockSurface(block: Block, parameters: ParameterSpecs, shape: ProgramShape): Surface<string> {
  const { saved, parameters: gradients } = blockFlow(block);
  const rows = valueRows(block, parameters, shape);
  const columns = shape.batch * shape.sequence;
  const activations = ['xn', 'dy', ...saved.filter((name) => name !== 'xn')];
  const weights = gradients
    .map(({ parameter }) => [parameter, packedSize(parameters, parameter)] as const)
    .sort(([, a], [, b]) => b[1] - a[1] || b[0] - a[0]);
  const matrices: Record<string, MatrixSize> = Object.fromEntries([
    ...activations.map((name) => [name, [name === 'dy' ? shape.dim : rows[name]!, columns]]),
    ...weights,
  ]);
  const channels = Math.max(...Object.values(matrices).map(([count]) => count));
  return packSurface(channels, matrices, WIDTH_MULTIPLE);
}

/** Matrices that write to the residual stream are packed as [in, out], so that most weights of a block are `dim` columns wide. */
function packedSize(parameters: ParameterSpecs, name: string): MatrixSize {
  const { shape, residual = false } = parameters[name]!;
  const [rows, columns = 1] = shape;
  return residual ? [columns, rows] : [rows, columns];
}

/** A program with packed weights: projections are matrix products. */
function openProgram(input: Surface<string>, parameters: ParameterSpecs, shape: ProgramShape, options: MilOptions) {
  const program = new ProgramWriter(input, options);
  const { builder: b, inputs } = program;
  const isTransposed = (parameter: string) => parameters[parameter]!.residual ?? false;
  // The Neural Engine multiplies [1, 1, rows, columns] where it refuses [1, rows, 1, columns].
  const matrix = (x: MilValue) => b.reshape(x, [1, 1, x.shape[1]!, x.shape[3]!]);
  const writer: LayerWriter = {
    builder: b,
    shape,
    project(parameter, x, transposed = false) {
      const product = b.matmul(matrix(inputs[parameter]!), matrix(x), { x: transposed !== isTransposed(parameter) });
      return b.reshape(product, [1, product.shape[2]!, 1, product.shape[3]!]);
    },
    vector: (parameter) => inputs[parameter]!,
    constant: (name, size, values) => program.constant(name, size, values),
  };
  const weights = Object.entries(input.slots)
    .filter(([name]) => name in parameters)
    .map(([parameter, slot]) => ({ parameter, transposed: isTransposed(parameter), slot }));
  const activations = Object.entries(input.slots).filter(([name]) => !(name in parameters));
  const activationColumns = Math.max(...activations.map(([, { column, columns }]) => column + columns));
  const finish = (results: Readonly<Record<string, MilValue>>): DynamicLayerProgram => ({
    ...program.finish(results),
    weights,
    activationColumns,
  });
  return { program, writer, finish };
}
