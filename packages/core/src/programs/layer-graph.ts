import { MayflyError } from '@mayfly/native';
import { MilBuilder } from '../mil/builder.js';
import type { MilValue } from '../mil/graph.js';
import type { ModelConfig } from '../model/config.js';
import type { ParameterSpecs } from '../model/parameters.js';
import type { ProgramShape } from './shape.js';

/** Matrices of a layer by name, each [1, rows, 1, columns] with one column per token. */
export type Values<Name extends string = string> = Readonly<Record<Name, MilValue>>;

/** What an operation writes with. How weights reach a program is what weight strategies differ in. */
export interface LayerWriter {
  readonly builder: MilBuilder;
  readonly shape: ProgramShape;
  /** W·x, or Wᵀ·x, with a matrix parameter W and x [1, in, 1, columns]. */
  project(parameter: string, x: MilValue, transposed?: boolean): MilValue;
  /** A vector parameter, [1, elements, 1, 1]. */
  vector(parameter: string): MilValue;
  /** An fp16 constant that never changes, such as a mask; one per name. */
  constant(name: string, shape: readonly number[], values: () => Float32Array): MilValue;
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
}

/** A kind of layer: its parameters and its blocks, in the order of the forward pass. */
export interface LayerDefinition {
  readonly name: string;
  /** By name, in the order in which checkpoints hold them. */
  parameters(sizes: ModelConfig | ProgramShape): ParameterSpecs;
  readonly blocks: readonly Block[];
}

/** What follows from the operations of a block for its programs and their surfaces. */
export interface BlockFlow {
  /** Values that the backward program reads beside `dy`. */
  readonly saved: readonly string[];
  /** Values that the forward program puts out beside `y`: what is saved, and what weight gradients read. */
  readonly kept: readonly string[];
  /** What the backward program puts out: `dxn`, and what weight gradients read. */
  readonly gradients: readonly string[];
  readonly parameters: readonly ParameterGradient[];
}

/** Follows the names through a block. */
export function blockFlow({ operations }: Pick<Block, 'operations'>): BlockFlow {
  const parameters = operations.flatMap(({ gradients = [] }) => gradients);
  const saved = unique(operations.flatMap((operation) => operation.saved ?? []));
  const made = ['xn', ...operations.flatMap(({ outputs, taps = [] }) => [...outputs, ...taps])];
  const read = new Set([...saved, ...parameters.flatMap(({ x }) => x ?? [])]);
  const gradients = unique(['dxn', ...parameters.map(({ dy }) => dy)]).filter((name) => name !== 'dy');
  return { saved, kept: made.filter((name) => read.has(name)), gradients, parameters };
}

/** Writes operations one after another; `values` are what they start from. Returns those and all that were made. */
export function writeForward(writer: LayerWriter, operations: readonly Operation[], values: Values): Values {
  const known: Record<string, MilValue> = { ...values };
  for (const operation of operations) Object.assign(known, operation.forward(writer, known));
  return known;
}

/**
 * Writes operations backwards, from the last to the first. The gradient of a value is the sum of those from its readers, in
 * the readers' order.
 *
 * @param gradients Gradients by the names of their values.
 * @returns All gradients, `d` before the name of their value, and what operations put out beside them.
 */
export function writeBackward(
  writer: LayerWriter,
  operations: readonly Operation[],
  gradients: Values,
  saved: Values,
): Values {
  const parts = new Map(Object.entries(gradients).map(([name, value]) => [name, [value]]));
  const results: Record<string, MilValue> = {};
  const settle = (name: string): [string, MilValue][] => {
    const [first, ...rest] = parts.get(name) ?? [];
    if (first === undefined) return [];
    const sum = rest.reduce((total, part) => writer.builder.add(total, part), first);
    results[`d${name}`] = sum;
    return [[name, sum]];
  };
  for (const operation of operations.toReversed()) {
    const given = Object.fromEntries(operation.outputs.flatMap(settle));
    expectValues(given, operation.outputs, 'gradients from every reader of a value');
    for (const [name, value] of Object.entries(operation.backward(writer, given, saved))) {
      if (operation.inputs.includes(name)) parts.set(name, [value, ...(parts.get(name) ?? [])]);
      else results[name] = value;
    }
  }
  const made = new Set(operations.flatMap(({ outputs }) => outputs));
  for (const name of parts.keys()) if (!made.has(name)) settle(name);
  return results;
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
    project: (name, x, transposed = false) => matrix(declared(parameters, name)[transposed ? 1 : 0]!, x.shape[3]!),
    vector: (name) => matrix(declared(parameters, name)[0], 1),
    constant: (_, size) => builder.input('x', 'fp16', size),
  };
  const values = writeForward(writer, operations, { xn: matrix(shape.dim, columns) });
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.shape[1]!]));
}

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

function expectValues(values: Values, names: readonly string[], expected: string): void {
  const missing = names.find((name) => values[name] === undefined);
  if (missing !== undefined) throw new MayflyError('ERR_LAYER', `Expected ${expected}, got none for ${missing}`);
}

const unique = (names: readonly string[]): string[] => [...new Set(names)];
