import { adapterNames, adapterScale, type Lora, unknownTarget, withAdapters } from '../model/adapters.js';
import type { Block, LayerDefinition, Operation } from './layer-graph.js';
import type { Cut, Variant } from './variant.js';

/**
 * A layer whose projections y = W·x of the targets are y = W·x + B·(s·A·x), each in operations of its own, so that programs end between
 * them as between any others. All parameters but A and B are frozen: they have no gradients.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a target that no operation projects with.
 */
export function adaptLayer(base: LayerDefinition, lora: Lora): LayerDefinition {
  const projected = projectedParameters(base);
  const unknown = lora.targets.find((target) => !projected.includes(target));
  if (unknown !== undefined) throw unknownTarget(unknown, projected);
  return {
    name: base.name,
    parameters: (sizes) => withAdapters(base.parameters(sizes), lora),
    blocks: base.blocks.map((block) => adaptBlock(block, lora)),
    base,
  };
}

/** The matrices that a layer projects with, which may have adapters. */
export const projectedParameters = ({ blocks }: LayerDefinition): string[] =>
  blocks.flatMap(({ operations }) => operations.flatMap((each) => projectionOf(each)?.parameter ?? []));

interface Projection {
  readonly to: string;
  readonly parameter: string;
  readonly from: string;
}

/** An operation of one input and one output with dW = dy·xᵀ: y = W·x, and perhaps a bias. */
function projectionOf({ inputs, outputs, gradients = [] }: Operation): Projection | null {
  const [from, to] = [inputs[0]!, outputs[0]!];
  if (inputs.length !== 1 || outputs.length !== 1) return null;
  const product = gradients.find(({ dy, x }) => x === from && dy === `d${to}`);
  return product === undefined ? null : { to, parameter: product.parameter, from };
}

function adaptBlock(block: Block, lora: Lora): Block {
  const dropped = new Set<string>();
  /** The first value that the operations make which an operation became, by its own value. */
  const firsts = new Map<string, string>();
  /** Values that a product makes, and that no cut of the block names yet. */
  const products: string[] = [];
  const operations = block.operations.flatMap((operation) => {
    const projection = projectionOf(operation);
    if (projection === null || !lora.targets.includes(projection.parameter)) return [frozen(operation)];
    const { to, parameter, from } = projection;
    const { down, up } = adapterNames(parameter);
    const own: Operation[] = [];
    const read = lora.dropout === 0 ? from : `${from}Dropped`;
    if (read !== from && !dropped.has(read)) own.push(drop(read, from));
    dropped.add(read);
    own.push(
      lower(`${to}Low`, down, read, adapterScale(lora)),
      frozen(renamed(operation, to, `${to}Base`)),
      raise(to, up, { base: `${to}Base`, low: `${to}Low` }),
    );
    firsts.set(to, own[0]!.outputs[0]!);
    products.push(`${to}Low`, `${to}Base`, to);
    return own;
  });
  const variants = block.variants?.map((variant) => adaptVariant(variant, operations, { firsts, products }));
  return { ...block, operations, ...(variants && { variants }) };
}

function frozen(operation: Operation): Operation {
  const { gradients = [], frozen: more = [], ...rest } = operation;
  return { ...rest, frozen: [...more, ...gradients.map(({ parameter }) => parameter)] };
}

/** The operation with another name for its one output. */
const renamed = (operation: Operation, output: string, name: string): Operation => ({
  ...operation,
  outputs: [name],
  forward: (writer, values) => ({ [name]: operation.forward(writer, values)[output]! }),
  backward: (writer, gradients, saved) => operation.backward(writer, { [output]: gradients[name]! }, saved),
});

/** Dropout (Srivastava et al. 2014): x times a mask of the host's, of zeros and 1/(1 − p). */
const drop = (to: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  given: { [`${from}Mask`]: from },
  forward: ({ builder: b }, values) => ({ [to]: b.mul(values[from]!, values[`${from}Mask`]!) }),
  backward: ({ builder: b }, gradients, saved) => ({ [from]: b.mul(gradients[to]!, saved[`${from}Mask`]!) }),
});

/** s·A·x. The factor is applied here, where matrices are as small as the rank. */
const lower = (to: string, parameter: string, from: string, scale: number): Operation => ({
  inputs: [from],
  outputs: [to],
  gradients: [{ parameter, dy: `d${to}Scaled`, x: from }],
  forward: (writer, values) => ({ [to]: writer.builder.mul(writer.project(parameter, values[from]!), scale) }),
  backward(writer, gradients) {
    const scaled = writer.builder.mul(gradients[to]!, scale);
    return { [from]: writer.project(parameter, scaled, true), [`d${to}Scaled`]: scaled };
  },
});

/** W·x + B·(s·A·x). */
const raise = (
  to: string,
  parameter: string,
  { base, low }: { readonly base: string; readonly low: string },
): Operation => ({
  inputs: [base, low],
  outputs: [to],
  gradients: [{ parameter, dy: `d${to}`, x: low }],
  forward: (writer, values) => ({ [to]: writer.builder.add(values[base]!, writer.project(parameter, values[low]!)) }),
  backward: (writer, gradients) => ({ [base]: gradients[to]!, [low]: writer.project(parameter, gradients[to]!, true) }),
});

/** The same programs, with the operations of adapters where their projections are; or in programs of their own. */
function adaptVariant(
  variant: Variant,
  operations: readonly Operation[],
  { firsts, products }: { readonly firsts: ReadonlyMap<string, string>; readonly products: readonly string[] },
): Variant {
  const indexOf = (from: string | undefined): number =>
    from === undefined ? 0 : operations.findIndex(({ outputs, taps = [] }) => [...outputs, ...taps].includes(from));
  const adapt = (cuts: readonly Cut[], sign: 1 | -1): Cut[] => {
    const moved = cuts.map((cut) =>
      cut.from !== undefined && firsts.has(cut.from) ? { ...cut, from: firsts.get(cut.from)! } : cut,
    );
    if (!variant.isSingle) return moved;
    const begun = new Set(moved.map(({ from }) => indexOf(from)));
    const added = products.filter((name) => !begun.has(indexOf(name))).map((name): Cut => ({ name, from: name }));
    return [...moved, ...added].sort((a, b) => sign * (indexOf(a.from) - indexOf(b.from)));
  };
  return { ...variant, forward: adapt(variant.forward, 1), backward: adapt(variant.backward, -1) };
}
