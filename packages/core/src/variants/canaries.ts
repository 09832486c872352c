import { seededRandom } from '../data/seeded-random.js';
import type { LayerPlan } from '../decoder/layer-plan.js';
import type { LayerCase } from '../decoder/run-layer.js';
import type { ParameterSpecs } from '../model/parameters.js';
import { type ClassifierShape, classifierPrograms } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import { project, swiGlu } from '../programs/layer.js';
import type { Block, LayerDefinition, Operation } from '../programs/layer-graph.js';
import { rotate } from '../programs/rotary.js';
import type { ProgramShape } from '../programs/shape.js';
import { blockFlow } from '../programs/stages.js';
import type { Variant } from '../programs/variant.js';
import type { Axis } from './variant-option.js';

/** Small programs that show whether a device runs those of a form. */
export type Canary = LayerCanary | ClassifierCanary | GradientCanary;

/** A small layer, and how close to the cpu device it has to come. */
export interface LayerCanary {
  readonly plan: LayerPlan;
  readonly shape: ProgramShape;
  /** Largest error of a matrix, relative to its largest magnitude. */
  readonly tolerance: number;
  /** The stages whose programs it is about. Default: all. */
  readonly asks?: readonly string[] | undefined;
}

/** A classifier of one chunk, and how close to the cpu device it has to come. */
export interface ClassifierCanary {
  readonly classifier: ClassifierShape;
  /** Largest error of a matrix, relative to its largest magnitude. */
  readonly tolerance: number;
}

/** The weight gradients of a block, and how close to the cpu device they have to come. */
export interface GradientCanary {
  readonly gradients: { readonly definition: LayerDefinition; readonly block: Block; readonly shape: ProgramShape };
  /** Largest error of a matrix, relative to its largest magnitude. */
  readonly tolerance: number;
}

/** fp16 sums in another order differ by 0.002 at most; wrong results by far more. */
const HALF_TOLERANCE = 0.01;
/** An elementwise operation rounds a few times. */
const AXIS_TOLERANCE = 0.004;

/**
 * Sizes of the same class as a model's, and small: which heads share keys, the head's size, one or several windows and whether attention
 * slides stay.
 */
export function smallShape(shape: ProgramShape): ProgramShape {
  const { heads, kvHeads, headDim, hidden, batch, sequence } = shape;
  const keys = Math.min(kvHeads, 2);
  const queries = keys * Math.min(heads / kvHeads, 2);
  const dim = queries * headDim;
  const tokens = Math.min(sequence, 32);
  return {
    ...shape,
    ...{ dim, heads: queries, kvHeads: keys, hidden: Math.min(hidden, dim + 32) },
    ...{ batch: Math.min(batch, 2), sequence: tokens },
    ...(slides(shape) && { slidingWindow: Math.min(shape.slidingWindow!, tokens >> 1) }),
  };
}

/** Whether there are tokens beyond the sliding window. */
export const slides = ({ slidingWindow = Number.POSITIVE_INFINITY, sequence }: ProgramShape): boolean =>
  slidingWindow < sequence;

/** One block of a layer as a layer. */
export function halfCanary({ definition, weights }: LayerPlan, block: Block, shape: ProgramShape): LayerCanary {
  const used = new Set([block.norm, ...blockFlow(block).weights]);
  const half: LayerDefinition = {
    name: `${definition.name}-${block.name}`,
    parameters: (sizes) =>
      Object.fromEntries(Object.entries(definition.parameters(sizes)).filter(([name]) => used.has(name))),
    blocks: [block],
  };
  return { plan: { definition: half, weights }, shape: smallShape(shape), tolerance: HALF_TOLERANCE };
}

/** y = x: what an operation reads twice has two names. */
const copy = (to: string, from: string): Operation => ({
  inputs: [from],
  outputs: [to],
  forward: (_, values) => ({ [to]: values[from]! }),
  backward: (_, gradients) => ({ [from]: gradients[to]! }),
});

const axisOperations: Readonly<Record<Axis, readonly Operation[]>> = {
  silu: [copy('h', 'xn'), swiGlu('y', 'h', 'xn')],
  rope: [rotate('y', 'xn')],
  split: [project('h', 'w1', 'xn'), project('y', 'w2', 'h')],
};

/** One product a program: more of them are for the halves to try. `w2` and `w1t` sum the model's longest. */
const splitVariant: Variant = {
  name: 'single',
  source: 'ours',
  forward: [{ name: 'w1' }, { name: 'w2', from: 'y' }],
  backward: [{ name: 'w2t', from: 'y' }, { name: 'w1t' }],
};

/** The one operation that an axis writes in several ways. */
export function axisCanary(axis: Axis, { weights }: LayerPlan, shape: ProgramShape): LayerCanary {
  const small = smallShape(shape);
  // A sum as long as the model's longest: what a sum of another length does says nothing about it.
  const terms = Math.max(shape.dim, shape.hidden);
  const operations = axisOperations[axis];
  const definition: LayerDefinition = {
    name: axis,
    parameters: ({ dim }): ParameterSpecs => ({
      norm: { shape: [dim] },
      ...(axis === 'split' && {
        w1: { shape: [terms, dim] },
        w2: { shape: [dim, terms], residual: true },
      }),
    }),
    blocks: [{ name: axis, norm: 'norm', operations, ...(axis === 'split' && { variants: [splitVariant] }) }],
  };
  const plan = { definition, weights };
  return axis === 'split'
    ? { plan, shape: small, tolerance: HALF_TOLERANCE, asks: ['w2', 'w1t'] }
    : { plan, shape: small, tolerance: AXIS_TOLERANCE };
}

/** A chunk of the model's classifier for few tokens: its sums are as long as the model's, and its outputs have as many channels. */
export function classifierCanary(shape: ClassifierShape): ClassifierCanary {
  const { rows } = classifierPrograms(shape);
  const columns = Math.min(shape.columns, 32);
  return { classifier: { dim: shape.dim, vocab: rows, columns }, tolerance: HALF_TOLERANCE };
}

/** Tokens of a canary of weight gradients at most. */
const MOST_SUMMED = 256;

/** The weight gradients of a block of the model's own size, summed over few tokens. */
export const gradientCanary = (definition: LayerDefinition, block: Block, shape: ProgramShape): GradientCanary => ({
  gradients: {
    ...{ definition, block },
    shape: { ...shape, batch: 1, sequence: Math.min(shape.batch * shape.sequence, MOST_SUMMED) },
  },
  tolerance: HALF_TOLERANCE,
});

/** Numbers from −0.5 to 0.5, the same ones each time. */
export function canaryNumbers(): () => number {
  const random = seededRandom(0, 'check-layer');
  return () => (random.next() >>> 0) / 2 ** 32 - 0.5;
}

/** The same inputs for every form; without `training`, for the forward pass alone. */
export function canaryCase({ plan, shape }: LayerCanary, form: ProgramForm, training: boolean): LayerCase {
  const uniform = canaryNumbers();
  const sample = (count: number, of: () => number) => Float32Array.from({ length: count }, of);
  const elements = shape.dim * shape.batch * shape.sequence;
  const inputs: Record<string, Float32Array> = { x: sample(elements, () => 4 * uniform()) };
  for (const [name, { shape: size }] of Object.entries(plan.definition.parameters(shape))) {
    const [rows, columns] = size;
    inputs[name] =
      columns === undefined
        ? sample(rows, () => 1 + uniform())
        : sample(rows * columns, () => (3 * uniform()) / Math.sqrt(columns));
  }
  return { shape, form, inputs, ...(training && { dy: sample(elements, () => 2 * uniform()) }) };
}
