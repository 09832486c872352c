import type { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';
import type { ParameterSpecs } from '../model/parameters.js';
import { type ContractionPart, contract } from './contraction.js';
import type { ProgramForm } from './form.js';
import { type BlockPrograms, decoderLayerOf, namePrograms } from './layer.js';
import { type Block, type LayerDefinition, type LayerWriter, rowsOf, valueRows } from './layer-graph.js';
import { normalize } from './rms-norm.js';
import { type FixedConstants, type LayerProgram, type ProgramShape, stackSurface, type WeightUse } from './shape.js';
import { blockFlow, type ForwardOperation, forwardStages, type Stage, variantOf } from './stages.js';
import { ProgramWriter } from './writer.js';

/** A parameter's place in a program's weight files. Constants that never change (mask, RoPE tables) are not listed. */
export interface ConstantWeight extends WeightUse {
  /** Index into `program.weightFiles`. */
  readonly file: number;
  /** Name of the record in that file. */
  readonly record: string;
  /** The channels that its product sums over, where they are not all: columns of the parameter, or rows where it is transposed. */
  readonly part: ContractionPart | null;
}

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
      const results = write(layerWriter(program, weights, shape, form), program.inputs);
      return { ...withWeights(program.finish(results), weights), stage: name, reads };
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

/** Parameters as constants of a program: matrices are 1×1 convolutions. */
class ConstantWeights {
  readonly uses: Omit<ConstantWeight, 'file'>[] = [];
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

  #constant(use: Omit<ConstantWeight, 'file' | 'record'>, size: readonly number[]): MilValue {
    const { parameter, transposed, part } = use;
    const record = `${parameter}${transposed ? 'Transposed' : ''}${part === null ? '' : `.${part.first}`}`;
    const known = this.#values.get(record);
    if (known !== undefined) return known;
    const value = this.#builder.weight(record, size);
    this.uses.push({ ...use, record });
    this.#values.set(record, value);
    return value;
  }
}

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

function withWeights(written: LayerProgram & FixedConstants, { uses }: ConstantWeights): StaticLayerProgram {
  const { weightFiles } = written.program;
  const fileOf = (record: string) =>
    weightFiles.findIndex(({ records }) => records.some(({ name }) => name === record));
  const weights = uses.map((use) => ({ ...use, file: fileOf(use.record) })).filter(({ file }) => file >= 0);
  return { ...written, weights };
}
