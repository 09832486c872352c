import { MayflyError } from '@mayfly/native';
import { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';
import type { ModelConfig } from '../model/config.js';
import type { ParameterSpecs } from '../model/parameters.js';
import type { Continuation } from './continuation.js';
import type { ProgramForm } from './form.js';
import type { ProgramShape } from './shape.js';
import type { Variant } from './variant.js';

/** Matrices of a layer by name, each [1, rows, 1, columns] with one column per token. */
export type Values<Name extends string = string> = Readonly<Record<Name, MilValue>>;

/** What an operation writes with. How weights reach a program is what weight strategies differ in. */
export interface LayerWriter {
  readonly builder: MilBuilder;
  readonly shape: ProgramShape;
  readonly form: ProgramForm;
  /** W·x, or Wᵀ·x, with a matrix parameter W and x [1, in, 1, columns]. */
  project(parameter: string, x: MilValue, transposed?: boolean): MilValue;
  /** A vector parameter, [1, elements, 1, 1]. */
  vector(parameter: string): MilValue;
  /** An fp16 constant that never changes, such as a mask; one per name. */
  constant(name: string, shape: readonly number[], values: () => Float32Array): MilValue;
  /** Of a program whose tokens follow others in their text. Absent where a program has the tokens of whole windows. */
  readonly continuation?: Continuation;
}

/**
 * The gradient of a parameter as a product that the host computes: dW = dy·xᵀ, summed over the columns. `dy` names a gradient
 * (`d` and the name of a value) or a value of its own that the backward program puts out; `x` names a value of the forward
 * program. A vector has no `x`: its gradient is the sum of dy's columns.
 */
export interface ParameterGradient {
  readonly parameter: string;
  readonly dy: string;
  readonly x?: string;
}

/** One step of a layer, both ways, between named values. */
export interface Operation {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Values that `forward` hands out for `backward` or for weight gradients alone. */
  readonly taps?: readonly string[];
  /** Inputs, outputs and taps that `backward` reads. */
  readonly saved?: readonly string[];
  readonly gradients?: readonly ParameterGradient[];
  /** Parameters that it reads and that have no gradient. */
  readonly frozen?: readonly string[];
  /**
   * Matrices that the host writes before a pass and both passes read, such as masks: by name, the value whose size each has, or its rows.
   * They have no gradients.
   */
  readonly given?: Readonly<Record<string, string | number>>;
  /** The backward pass computes its results again, rather than have the forward pass keep them, unless a variant says otherwise. */
  readonly recomputed?: boolean;
  /** From the inputs to outputs and taps. */
  forward(writer: LayerWriter, values: Values): Values;
  /** From the gradients of the outputs, by the outputs' names, and the saved values to the gradients of the inputs. */
  backward(writer: LayerWriter, gradients: Values, saved: Values): Values;
}

/** A residual block: x + f(RMSNorm(x)). The operations of f lead from `xn`, the normalized input, to `y`. */
export interface Block {
  readonly name: string;
  /** The vector parameter of its RMSNorm. */
  readonly norm: string;
  readonly operations: readonly Operation[];
  /** The ways to cut it into programs. Default: `fused` alone. */
  readonly variants?: readonly Variant[];
}

/** A kind of layer: its parameters and its blocks, in the order of the forward pass. */
export interface LayerDefinition {
  readonly name: string;
  /** By name, in the order in which checkpoints hold them. */
  parameters(sizes: ModelConfig | ProgramShape): ParameterSpecs;
  readonly blocks: readonly Block[];
  /** Of a layer with adapters: the layer that they were added to. */
  readonly base?: LayerDefinition;
}

/** Writes operations one after another; `values` are what they start from. Returns those and all that were made. */
export function writeForward(
  writer: LayerWriter,
  operations: readonly Pick<Operation, 'forward'>[],
  values: Values,
): Values {
  const known: Record<string, MilValue> = { ...values };
  for (const operation of operations) Object.assign(known, operation.forward(writer, known));
  return known;
}

/** Rows of every value of a block: its operations are written into a program that is thrown away. */
export function valueRows(
  { operations }: Pick<Block, 'operations'>,
  parameters: ParameterSpecs,
  shape: ProgramShape,
): Readonly<Record<string, number>> {
  const builder = new MilBuilder();
  const columns = shape.batch * shape.sequence;
  const matrix = (rows: number, width: number) => builder.input('x', 'fp16', [1, rows, 1, width]);
  const writer: LayerWriter = {
    builder,
    shape,
    form: {},
    project: (name, x, transposed = false) => matrix(declared(parameters, name)[transposed ? 1 : 0]!, x.shape[3]!),
    vector: (name) => matrix(declared(parameters, name)[0], 1),
    constant: (_, size) => builder.input('x', 'fp16', size),
  };
  const values: Record<string, MilValue> = { xn: matrix(shape.dim, columns) };
  for (const operation of operations) {
    for (const [name, like] of Object.entries(operation.given ?? {}))
      values[name] = matrix(typeof like === 'number' ? like : values[like]!.shape[1]!, columns);
    Object.assign(values, operation.forward(writer, values));
  }
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.shape[1]!]));
}

/** Rows of a value, or of a gradient under `d` and the name of its value. */
export const rowsOf = (rows: Readonly<Record<string, number>>, name: string): number =>
  (rows[name] ?? rows[name.slice(1)])!;

function declared(parameters: ParameterSpecs, name: string): ParameterSpecs[string]['shape'] {
  const spec = parameters[name];
  if (spec === undefined)
    throw new MayflyError('ERR_LAYER', `Expected a parameter that the layer declares, got ${name}`);
  return spec.shape;
}

/** The named ones of some values, in the order of the names. */
export function pick(values: Values, names: readonly string[]): Values {
  expectValues(values, names, 'operations to return the values that they name');
  return Object.fromEntries(names.map((name) => [name, values[name]!]));
}

export function expectValues(values: Values, names: readonly string[], expected: string): void {
  const missing = names.find((name) => values[name] === undefined);
  if (missing !== undefined) throw new MayflyError('ERR_LAYER', `Expected ${expected}, got none for ${missing}`);
}
