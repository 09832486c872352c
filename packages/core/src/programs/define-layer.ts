import { MayflyError } from '@mayfly/native';
import type { ParameterSpecs } from '../model/parameters.js';
import type { LayerWriter, ParameterGradient } from './layer-graph.js';
import { type Block, type LayerDefinition, type Operation, type Values, valueRows } from './layer-graph.js';
import type { ProgramShape } from './shape.js';
import { blockFlow } from './stages.js';

/** An operation whose functions are checked against the names that it declares. */
export interface OperationDefinition<Input extends string, Output extends string, Tap extends string> {
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
  /** Values that `forward` hands out for `backward` or for weight gradients alone. */
  readonly taps?: readonly Tap[];
  /** Inputs, outputs and taps that `backward` reads. */
  readonly saved?: readonly NoInfer<Input | Output | Tap>[];
  readonly gradients?: readonly ParameterGradient[];
  /** The backward pass computes its results again, rather than have the forward pass keep them. Default: false. */
  readonly recomputed?: boolean;
  /** From the inputs to outputs and taps, by name. */
  forward(writer: LayerWriter, values: Values<Input>): Values<Output | Tap>;
  /** From the gradients of the outputs to those of the inputs, by name, and to any `dy` of `gradients`. */
  backward(writer: LayerWriter, gradients: Values<Output>, saved: Values<Input | Output | Tap>): Values<Input> & Values;
}

/** An operation of your own, for the blocks of `defineLayer`. */
export function defineOperation<
  const Input extends string,
  const Output extends string,
  const Tap extends string = never,
>(definition: OperationDefinition<Input, Output, Tap>): Operation {
  return definition;
}

/**
 * A layer of your own: its parameters, and residual blocks x + f(RMSNorm(x)) whose operations lead from `xn` to `y`, each both
 * ways. `checkLayer` compares its gradients with finite differences.
 *
 * @throws `ERR_LAYER` where names do not fit together: an operation reads what none before it makes, a value is made twice, a
 * parameter has no gradient or two, `y` is missing.
 */
export function defineLayer(definition: LayerDefinition): LayerDefinition {
  const { name, blocks } = definition;
  expect(
    typeof name === 'string' && /^[\w-]+$/.test(name),
    'a layer',
    'a name of letters, digits, _ and -',
    String(name),
  );
  expect(blocks.length > 0, name, 'at least one block', 'none');
  expectDistinct(
    name,
    'blocks',
    blocks.map((block) => block.name),
  );
  for (const block of blocks) checkBlock(name, block);
  const used = blocks.flatMap((block) => [
    block.norm,
    ...blockFlow(block).parameters.map(({ parameter }) => parameter),
  ]);
  expectDistinct(name, 'gradients of parameters', used);
  return Object.freeze({ ...definition });
}

function checkBlock(layer: string, { name, operations }: Block): void {
  const where = `${layer}.${name}`;
  const known = new Set(['xn']);
  for (const { inputs, outputs, taps = [], saved = [] } of operations) {
    for (const input of inputs) expect(known.has(input), where, 'values that were made before', input);
    for (const made of [...outputs, ...taps]) {
      expect(!known.has(made) && made !== 'x' && made !== 'sum', where, 'a new name for each value', `${made} again`);
      known.add(made);
    }
    for (const value of saved) {
      const own = [...inputs, ...outputs, ...taps];
      expect(own.includes(value), where, 'saved values that the operation reads or makes', value);
    }
  }
  expect(known.has('y'), where, 'an operation that makes y', 'none');
  const read = new Set(['y', ...operations.flatMap(({ inputs }) => inputs)]);
  for (const { outputs } of operations) {
    for (const output of outputs)
      expect(read.has(output), where, 'a reader of every output (or taps)', `none of ${output}`);
  }
  for (const { x } of blockFlow({ operations }).parameters) {
    if (x !== undefined) expect(known.has(x), where, 'gradients of values that the block makes', x);
  }
}

/**
 * Checks a definition for a model's sizes.
 *
 * @throws `ERR_LAYER` for parameters that are missing or of a wrong shape, and a block whose result is not [dim, columns].
 */
export function checkSizes(definition: LayerDefinition, shape: ProgramShape): void {
  const { name, blocks } = definition;
  const parameters: ParameterSpecs = definition.parameters(shape);
  for (const [parameter, { shape: size }] of Object.entries(parameters)) {
    const right =
      (size.length === 1 || size.length === 2) && size.every((each) => Number.isSafeInteger(each) && each > 0);
    expect(right, `${name}.${parameter}`, 'a shape of one or two sizes', `[${size.join(', ')}]`);
  }
  const used = new Set<string>();
  for (const block of blocks) {
    const norm = parameters[block.norm];
    const isNorm = norm?.shape.length === 1 && norm.shape[0] === shape.dim;
    expect(isNorm, `${name}.${block.name}`, `a vector parameter of dim ${shape.dim} for its norm`, block.norm);
    used.add(block.norm);
    const { parameters: gradients, weights, kept } = blockFlow(block);
    for (const parameter of weights) used.add(parameter);
    for (const { parameter, x } of gradients) {
      const length = parameters[parameter]?.shape.length;
      expect(length !== undefined, `${name}.${block.name}`, 'parameters that the layer declares', parameter);
      expect(
        length === (x === undefined ? 1 : 2),
        `${name}.${parameter}`,
        'an x for the gradient of a matrix alone',
        `${x}`,
      );
    }
    const clash = [...kept, 'x', 'y', 'xn', 'dy'].find((value) => value in parameters);
    expect(
      clash === undefined,
      `${name}.${block.name}`,
      'values and parameters with different names',
      `${clash} for both`,
    );
    const rows = valueRows(block, parameters, shape);
    expect(rows.y === shape.dim, `${name}.${block.name}`, `y with dim ${shape.dim} rows`, `${rows.y}`);
  }
  const unused = Object.keys(parameters).find((parameter) => !used.has(parameter));
  expect(unused === undefined, name, 'a gradient for every parameter', `none for ${unused}`);
}

function expectDistinct(where: string, what: string, names: readonly string[]): void {
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  expect(twice === undefined, where, `${what} that differ`, `${twice} twice`);
}

function expect(holds: boolean, where: string, expected: string, got: string): void {
  if (!holds) throw new MayflyError('ERR_LAYER', `[${where}] Expected ${expected}, got ${got}`);
}
