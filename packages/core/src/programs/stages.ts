import { invalidArgument, MayflyError } from '@mayfly/native';
import type { MilValue } from '../mil/graph.js';
import type { ProgramForm } from './form.js';
import {
  type Block,
  expectValues,
  type LayerWriter,
  type Operation,
  type ParameterGradient,
  pick,
  type Values,
  writeForward,
} from './layer-graph.js';
import { type Cut, fused, type Variant } from './variant.js';

/** What one program of a pass computes, between the matrices of its surfaces. */
export interface Stage {
  /** Of its cut; empty where the pass is one program. */
  readonly name: string;
  /** Matrices of the input: values, and gradients, whose names are `d` and the value's. */
  readonly reads: readonly string[];
  /** Matrices of the output. */
  readonly makes: readonly string[];
  /** Parameters that its operations read. */
  readonly parameters: readonly string[];
  /** From the matrices that it reads to those that it makes. */
  write(writer: LayerWriter, values: Values): Values;
}

/** An operation that only the forward pass has, such as a norm. */
export type ForwardOperation = Pick<
  Operation,
  'inputs' | 'outputs' | 'taps' | 'gradients' | 'frozen' | 'given' | 'forward'
>;

/** What follows from the operations of a block and a variant of it. */
export interface BlockFlow {
  readonly variant: Variant;
  /** Values of the forward pass that the backward pass or weight gradients read. */
  readonly kept: readonly string[];
  /** Gradients that the host reads: `dxn`, and those of weight gradients. */
  readonly gradients: readonly string[];
  readonly parameters: readonly ParameterGradient[];
  /** Parameters that the operations read, those without a gradient among them. */
  readonly weights: readonly string[];
  /** Matrices that the host writes before a pass: by name, the value whose size each has, or its rows. */
  readonly given: Readonly<Record<string, string | number>>;
  /** From `dy` to `dxn`, in the order in which they run. */
  readonly backward: readonly Stage[];
}

/** The variant of a block that a form asks for. Blocks without variants of their own have one. */
export function variantOf({ name, variants = [] }: Pick<Block, 'name' | 'variants'>, form: ProgramForm): Variant {
  const asked = form.variants?.[name];
  if (asked === undefined || variants.length === 0) return variants[0] ?? fused;
  const found = variants.find((each) => each.name === asked);
  if (found === undefined) {
    throw invalidArgument(`the variant of ${name}`, variants.map((each) => each.name).join(', '), asked);
  }
  return found;
}

/** Follows the names through a block. */
export function blockFlow({ operations }: Pick<Block, 'operations'>, variant: Variant = fused): BlockFlow {
  const parameters = operations.flatMap(({ gradients = [] }) => gradients);
  const { stages, saved } = backwardStages(operations, variant, parameters);
  const read = new Set([...saved, ...parameters.flatMap(({ x }) => x ?? [])]);
  return {
    variant,
    kept: ['xn', ...operations.flatMap(results)].filter((name) => read.has(name)),
    gradients: unique(['dxn', ...parameters.map(({ dy }) => dy)]).filter((name) => name !== 'dy'),
    parameters,
    weights: parametersOf(operations),
    given: Object.assign({}, ...operations.map((operation) => operation.given)),
    backward: stages,
  };
}

/**
 * The programs of a forward pass, in the order in which they run.
 *
 * @param result The value that the pass is for: the first matrix of the last output.
 */
export function forwardStages(
  operations: readonly ForwardOperation[],
  { variant, kept }: Pick<BlockFlow, 'variant' | 'kept'>,
  result: string,
): Stage[] {
  const parts = divide(operations, variant, 'forward');
  return parts.map(({ cut, operations: own }, index) => {
    const made = own.flatMap(results);
    const later = parts.slice(index + 1).flatMap((part) => part.operations.flatMap(({ inputs }) => inputs));
    const makes = unique([result, ...made]).filter(
      (name) => made.includes(name) && (name === result || kept.includes(name) || later.includes(name)),
    );
    return {
      name: parts.length === 1 ? '' : cut.name,
      reads: unique(own.flatMap((each) => [...each.inputs, ...givenOf(each)])).filter((name) => !made.includes(name)),
      makes,
      parameters: parametersOf(own),
      write: (writer, values) => pick(writeForward(writer, own, values), makes),
    };
  });
}

function backwardStages(
  operations: readonly Operation[],
  variant: Variant,
  gradients: readonly ParameterGradient[],
): { readonly stages: readonly Stage[]; readonly saved: readonly string[] } {
  const makers = new Map(operations.flatMap((operation) => results(operation).map((name) => [name, operation])));
  const keeps = new Set([...(variant.saved ?? []), ...gradients.flatMap(({ x }) => x ?? [])]);
  /** The operation that makes a value again in the backward pass. */
  const recomputes = (name: string) => {
    const maker = makers.get(name);
    return maker?.recomputed && !keeps.has(name) ? maker : undefined;
  };
  const parts = divide(operations, variant, 'backward');
  /** By the programs so far: values computed again, and values of which a part of the gradient is known. */
  const computed = new Set<string>();
  const begun = new Set(['y']);
  const saved = new Set<string>();
  /** Of operations that the next program shares with those before: the values whose gradients these made. */
  let done: readonly string[] = [];
  const flows = parts.map(({ cut, operations: own }) => {
    const again = new Set<string>();
    const values = new Set<string>();
    const require = (name: string): void => {
      if (again.has(name)) return;
      const maker = computed.has(name) ? undefined : recomputes(name);
      if (maker === undefined) {
        values.add(name);
        if (!computed.has(name)) saved.add(name);
        return;
      }
      for (const result of results(maker)) again.add(result);
      for (const name of givenOf(maker)) values.add(name);
      maker.inputs.forEach(require);
    };
    for (const name of cut.computes ?? own.flatMap((operation) => operation.saved ?? [])) require(name);
    for (const name of own.flatMap(givenOf)) values.add(name);
    const made = own.flatMap(({ outputs }) => outputs);
    const rest = unique(own.flatMap(({ inputs }) => inputs)).filter(
      (name) => !made.includes(name) && !done.includes(name),
    );
    const passed = cut.toward === undefined ? rest : rest.filter((name) => cut.toward!.includes(name));
    if (passed.length < (cut.toward?.length ?? 0))
      throw invalidCut(variant, cut, `toward to name values that its operations read, got ${cut.toward!.join(', ')}`);
    if (cut.computes === undefined) done = cut.toward === undefined ? [] : [...done, ...passed];
    const reads = [...made, ...passed].filter((name) => begun.has(name)).map((name) => `d${name}`);
    // A gradient to which these operations add nothing stays where it is; of programs that share operations the last makes the others.
    const isWhole = (dy: string) => begun.has(dy.slice(1)) && !own.some(({ inputs }) => inputs.includes(dy.slice(1)));
    const settled = gradients.map(({ dy }) => dy).filter((dy) => dy !== 'dy' && settlesIn(own, dy) && !isWhole(dy));
    const declared = cut.toward === undefined ? settled : [];
    for (const name of passed) begun.add(name);
    for (const name of again) computed.add(name);
    return { reads: [...reads, ...values], makes: unique([...passed.map((name) => `d${name}`), ...declared]), again };
  });
  const stages = parts.map(({ cut, operations: own }, index): Stage => {
    const { reads, makes: gradientsMade, again } = flows[index]!;
    const later = new Set(flows.slice(index + 1).flatMap((flow) => flow.reads));
    const makes = [...gradientsMade, ...[...again].filter((name) => later.has(name))];
    if (makes.length === 0)
      throw invalidCut(variant, cut, 'to make a value that programs after it read and that no other keeps, got none');
    return {
      name: parts.length === 1 ? '' : cut.name,
      reads,
      makes,
      parameters: parametersOf([...[...again].map((name) => makers.get(name)!), ...own]),
      write: (writer, values) => pick(writeBackward(writer, own, makers, values, makes), makes),
    };
  });
  return { stages, saved: [...saved] };

  /** Whether a gradient that the host reads is complete once these operations are written. */
  function settlesIn(own: readonly Operation[], dy: string): boolean {
    const maker = makers.get(dy.slice(1));
    if (dy.startsWith('d') && maker !== undefined) return own.includes(maker);
    return dy !== 'dxn' && own.some((operation) => operation.gradients?.some((gradient) => gradient.dy === dy));
  }
}

/**
 * Writes operations backwards, from the last to the first. The gradient of a value is the sum of those from its readers, in
 * the readers' order.
 *
 * @param makers The operations of the block by the values that they make: those that were not saved are computed again.
 * @param given Values, and gradients under `d` and the name of their value, which may lack the parts of these operations.
 * @param wanted Results that must be there even where no operation reads them.
 * @returns All gradients and values, and what operations put out beside them.
 */
function writeBackward(
  writer: LayerWriter,
  operations: readonly Operation[],
  makers: ReadonlyMap<string, Operation>,
  given: Values,
  wanted: readonly string[],
): Values {
  const known: Record<string, MilValue> = { ...given };
  const recall = (name: string): void => {
    const maker = makers.get(name);
    if (known[name] !== undefined || maker === undefined) return;
    maker.inputs.forEach(recall);
    Object.assign(known, maker.forward(writer, known));
  };
  const made = new Set(operations.flatMap(({ outputs }) => outputs));
  const touched = unique([...made, ...operations.flatMap(({ inputs }) => inputs)]);
  const parts = new Map<string, MilValue[]>();
  for (const name of touched) if (given[`d${name}`] !== undefined) parts.set(name, [given[`d${name}`]!]);
  const settle = (name: string): [string, MilValue][] => {
    const [first, ...rest] = parts.get(name) ?? [];
    if (first === undefined) return [];
    const sum = rest.reduce((total, part) => writer.builder.add(total, part), first);
    known[`d${name}`] = sum;
    return [[name, sum]];
  };
  for (const operation of operations.toReversed()) {
    const gradients = Object.fromEntries(operation.outputs.flatMap(settle));
    expectValues(gradients, operation.outputs, 'gradients from every reader of a value');
    operation.saved?.forEach(recall);
    for (const [name, value] of Object.entries(operation.backward(writer, gradients, known))) {
      if (operation.inputs.includes(name)) parts.set(name, [value, ...(parts.get(name) ?? [])]);
      else known[name] = value;
    }
  }
  for (const name of parts.keys()) if (!made.has(name)) settle(name);
  wanted.forEach(recall);
  return known;
}

interface Part<Each> {
  readonly cut: Cut;
  readonly operations: readonly Each[];
}

/** The operations of each program, of which cuts with `toward` share theirs with the next; programs without any are left out. */
function divide<Each extends ForwardOperation>(
  operations: readonly Each[],
  variant: Variant,
  direction: 'forward' | 'backward',
): Part<Each>[] {
  const cuts = variant[direction];
  const start = ({ from }: Cut): number => {
    if (from === undefined) return 0;
    const index = operations.findIndex((operation) => results(operation).includes(from));
    if (index === -1)
      throw new MayflyError('ERR_LAYER', `[${variant.name}] Expected a value that the block makes, got ${from}`);
    return index;
  };
  let last = operations.length;
  let shared: Cut | null = null;
  const parts = (direction === 'forward' ? cuts.toReversed() : cuts).map((cut): Part<Each> => {
    if (cut.computes !== undefined) return { cut, operations: [] };
    const first = start(cut);
    if (shared !== null && first !== start(shared)) throw invalidCut(variant, shared, sharing);
    const part = { cut, operations: operations.slice(first, last) };
    shared = cut.toward === undefined ? null : cut;
    if (shared === null) last = first;
    return part;
  });
  if (shared !== null) throw invalidCut(variant, shared, sharing);
  if (direction === 'forward') parts.reverse();
  return parts.filter((part) => part.operations.length > 0 || part.cut.computes !== undefined);
}

const sharing = 'a cut after it that begins at the same value';

const invalidCut = (variant: Variant, cut: Cut, expected: string): MayflyError =>
  new MayflyError('ERR_LAYER', `[${variant.name}.${cut.name}] Expected ${expected}`);

const results = ({ outputs, taps = [] }: ForwardOperation): string[] => [...outputs, ...taps];

const parametersOf = (operations: readonly ForwardOperation[]): string[] =>
  unique(
    operations.flatMap(({ gradients = [], frozen = [] }) => [
      ...gradients.map(({ parameter }) => parameter),
      ...frozen,
    ]),
  );

const givenOf = ({ given = {} }: Pick<Operation, 'given'>): string[] => Object.keys(given);

const unique = (names: readonly string[]): string[] => [...new Set(names)];
