import { type ConstantWeight, ConstantWeights } from './constant-weights.js';
import type { ProgramForm } from './form.js';
import { type BlockPrograms, decoderLayerOf, namePrograms } from './layer.js';
import { type Block, type LayerDefinition, type LayerWriter, rowsOf, valueRows } from './layer-graph.js';
import { normalize } from './rms-norm.js';
import { type FixedConstants, type LayerProgram, type ProgramShape, stackSurface } from './shape.js';
import { blockFlow, type ForwardOperation, forwardStages, type Stage, variantOf } from './stages.js';
import { ProgramWriter } from './writer.js';

/** A program whose weights are constants: every update is a compilation. */
export interface StaticLayerProgram<Input extends string = string, Output extends string = string>
  extends LayerProgram<Input, Output>,
    FixedConstants {
  readonly weights: readonly ConstantWeight[];
}

export type StaticBlock = BlockPrograms<StaticLayerProgram>;

/**
 * The programs of a layer whose weights are constants. Surfaces are as wide as a dispatch has tokens. The forward pass leads from
 * `x` to `sum` = x + f(norm(x)), whose slot comes first in the last output, so that the next program can read it in place. The
 * backward pass leads from the gradient of the sum (`dy`) to that of the normalized input (`dxn`), with transposed copies of the
 * weights; the rest of the way is host math.
 */
export function staticBlocks(layer: LayerDefinition, shape: ProgramShape, form: ProgramForm = {}): StaticBlock[] {
  const parameters = layer.parameters(shape);
  return layer.blocks.map((block) => {
    const flow = blockFlow(block, variantOf(block, form));
    const forward = forwardStages([norm(block), ...block.operations, residualSum], flow, 'sum');
    const rows: Record<string, number> = { ...valueRows(block, parameters, shape), x: shape.dim };
    const program = ({ name, reads, write }: Stage) => {
      const input = Object.fromEntries(reads.map((each) => [each, rowsOf(rows, each)]));
      const program = new ProgramWriter<string>(stackSurface(input, shape.batch * shape.sequence), form);
      const weights = new ConstantWeights(program.builder, parameters, form);
      const written = program.finish(write(layerWriter(program, weights, shape, form), program.inputs));
      return { ...written, weights: weights.placedIn(written.program), stage: name, reads };
    };
    return { block, flow, forward: forward.map(program), backward: flow.backward.map(program) };
  });
}

/** The programs of a layer by their names. Default: the decoder's own for the shape. */
export const staticPrograms = (
  shape: ProgramShape,
  form: ProgramForm = {},
  layer: LayerDefinition = decoderLayerOf(shape),
) => namePrograms(staticBlocks(layer, shape, form));

const norm = (block: Block): ForwardOperation => ({
  inputs: ['x'],
  outputs: ['xn'],
  forward: ({ builder, shape, vector }, { x }) => ({ xn: normalize(builder, x!, vector(block.norm), shape.eps) }),
});

const residualSum: ForwardOperation = {
  inputs: ['x', 'y'],
  outputs: ['sum'],
  forward: ({ builder }, { x, y }) => ({ sum: builder.add(x!, y!) }),
};

const layerWriter = (
  program: ProgramWriter<string>,
  weights: ConstantWeights,
  shape: ProgramShape,
  form: ProgramForm,
): LayerWriter => ({
  builder: program.builder,
  shape,
  form,
  project: (parameter, x, transposed) => weights.project(parameter, x, transposed),
  vector: (parameter) => weights.vector(parameter),
  constant: (name, size, values) => program.constant(name, size, values),
});
