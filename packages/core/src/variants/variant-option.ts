import { invalidArgument } from '@mayfly/native';
import { rule, type SimpleRule } from '../check.js';
import type { ProgramForm } from '../programs/form.js';
import type { Block } from '../programs/layer-graph.js';

/** The ways to write an operation, in the order in which they are tried. */
export const axes = {
  silu: ['sigmoid', 'exp'],
  rope: ['slice', 'reshape', 'permutation'],
  split: [1, 2, 4],
} as const satisfies { readonly [Axis in keyof ProgramForm]: readonly ProgramForm[Axis][] };

export type Axis = keyof typeof axes;
export type AxisValue = (typeof axes)[Axis][number];

export const axisNames = Object.keys(axes) as Axis[];

/** The parts of a form that the option `variant` decides. */
export interface ForcedForm {
  /** The variant of every block that has one of this name. */
  readonly every?: string;
  /** Variants by the name of their block. */
  readonly blocks: Readonly<Record<string, string>>;
  readonly axes: Pick<ProgramForm, Axis>;
}

/** `sdpaBwd`, or `attention=sdpaBwd,feedForward=fused,silu=exp`. */
export const variantRule: SimpleRule<string> = rule(
  (value) =>
    typeof value === 'string' && parse(value) !== null
      ? null
      : 'a variant, or a list such as attention=sdpaBwd,feedForward=fused,silu=exp,rope=reshape,split=2',
  String,
);

/** @param option As `variantRule` takes it; undefined decides nothing. */
export const forcedForm = (option: string | undefined): ForcedForm =>
  (option === undefined ? null : parse(option)) ?? { blocks: {}, axes: {} };

function parse(text: string): ForcedForm | null {
  const blocks: Record<string, string> = {};
  const chosen: Record<string, AxisValue> = {};
  let every: string | undefined;
  for (const part of text.split(',')) {
    const [, name, value] = /^(?:(\w+)=)?([\w-]+)$/.exec(part.trim()) ?? [];
    if (value === undefined || (name !== undefined && (name in blocks || name in chosen))) return null;
    const axis = axisNames.find((each) => each === name);
    if (axis !== undefined) {
      const known = axes[axis].find((each) => String(each) === value);
      if (known === undefined) return null;
      chosen[axis] = known;
    } else if (name !== undefined) blocks[name] = value;
    else if (every === undefined) every = value;
    else return null;
  }
  return { ...(every !== undefined && { every }), blocks, axes: chosen as ForcedForm['axes'] };
}

/**
 * The variant of each block that the option decides, by the block's name.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a block or a variant that no layer has.
 */
export function forcedVariants({ every, blocks }: ForcedForm, all: readonly Block[]): Record<string, string> {
  const forced: Record<string, string> = {};
  const namesOf = ({ variants = [] }: Block) => variants.map(({ name }) => name);
  for (const block of all) {
    if (every !== undefined && namesOf(block).includes(every)) forced[block.name] = every;
  }
  if (every !== undefined && Object.keys(forced).length === 0)
    throw invalidArgument('variant', [...new Set(all.flatMap(namesOf))].join(', '), every);
  for (const [name, variant] of Object.entries(blocks)) {
    const block = all.find((each) => each.name === name);
    if (block === undefined)
      throw invalidArgument(
        'variant',
        `one of ${[...new Set(all.map((each) => each.name)), ...axisNames].join(', ')}`,
        name,
      );
    const known = namesOf(block);
    if (!known.includes(variant)) throw invalidArgument(`the variant of ${name}`, known.join(', '), variant);
    forced[name] = variant;
  }
  return forced;
}
