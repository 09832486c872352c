import type { ModelConfig } from '../model/config.js';
import type { ParameterEntry, ParameterSpecs } from '../model/parameters.js';
import type { ClassifierPrograms } from '../programs/classifier.js';
import type { ConstantWeight } from '../programs/constant-weights.js';
import { adapterBlocks, type DynamicLayerProgram, dynamicBlocks, type PackedWeight } from '../programs/dynamic.js';
import type { ProgramForm } from '../programs/form.js';
import type { BlockPrograms, StageProgram } from '../programs/layer.js';
import type { LayerDefinition } from '../programs/layer-graph.js';
import type { LayerProgram, ProgramShape, Slot, Surface } from '../programs/shape.js';
import { staticBlocks } from '../programs/static.js';
import { GRADIENT_RING, type GradientProgram } from '../programs/weight-gradients.js';
import { BACKWARD_RING, holdsBack, tableTurns } from './step-schedule.js';
import type { StepWork } from './step-work.js';

/** A program of a layer, with the weights that training changes. */
export type PlannedProgram = LayerProgram & {
  readonly weights: readonly (PackedWeight | ConstantWeight)[];
} & Partial<Pick<DynamicLayerProgram, 'activationColumns'>>;

/** The programs of one block of a layer. */
export type PlannedBlock = BlockPrograms<PlannedProgram>;

/** Whether the trained weights are part of the kernels' inputs: dynamic ones are, and adapters. */
export const arePacked = (layer: LayerDefinition, isStatic: boolean): boolean => !isStatic || layer.base !== undefined;

/** The programs of a layer, as the decoder writes them. */
export function writeBlocks(
  layer: LayerDefinition,
  shape: ProgramShape,
  isStatic: boolean,
  form: ProgramForm,
): readonly PlannedBlock[] {
  if (!isStatic) return dynamicBlocks(layer, shape, form);
  return layer.base === undefined ? staticBlocks(layer, shape, form) : adapterBlocks(layer, shape, form);
}

/** Bytes copied between arena and surfaces for a program. */
export interface ProgramCopies {
  /** By a dispatch: all that it reads beside weights and saved matrices, and the output, or what the step waits for of it. */
  readonly always: number;
  /** After a dispatch, beside other work: the rest of the output. */
  readonly rest: number;
  /** Before a dispatch, beside other work: what the forward pass saved for it. */
  readonly saved: number;
  /** Before the first dispatch after an update, for all programs that read the weights in the same input. */
  readonly afterUpdate: number;
}

/**
 * The copies of a block's programs, on one worker.
 *
 * @param isPacked As of `arePacked`.
 */
export function copiesOf(
  { forward, backward }: PlannedBlock,
  isPacked: boolean,
): ReadonlyMap<PlannedProgram, ProgramCopies> {
  const seen = new Set<Surface>();
  const made = new Set<string>();
  return new Map(
    [...forward, ...backward].map((program) => {
      const { input, output, weights, activationColumns } = program;
      // The residual stream is read where the program before put it out.
      const names = readsOutput(program) ? [] : program.reads;
      const isKept = backward.includes(program) && (activationColumns === undefined || weights.length > 0);
      const saved = names.filter((name) => isKept && name !== 'dy' && !made.has(name));
      const size = (each: readonly string[]) => sizeOf(each.map((name) => input.slots[name]!));
      if (backward.includes(program)) for (const name of Object.keys(output.slots)) made.add(name);
      const holdsWeights = activationColumns !== undefined && weights.length > 0 && !seen.has(input);
      // Of static weights, the next forward program reads the output in place.
      const result =
        program === backward.at(-1)
          ? output.slots.dxn
          : isPacked && program === forward.at(-1)
            ? output.slots.y
            : undefined;
      const leading = result === undefined ? output.channels : result.row + result.rows;
      const rest = (output.channels - leading) * output.width;
      seen.add(input);
      return [
        program,
        {
          always: 2 * (size(names) - size(saved) + output.channels * output.width - rest),
          rest: 2 * rest,
          saved: 2 * size(saved),
          afterUpdate: holdsWeights ? 2 * input.channels * (input.width - activationColumns) : 0,
        },
      ] as const;
    }),
  );
}

/** Of static weights, the program at the beginning of a block. */
const readsOutput = ({ reads }: StageProgram): boolean => reads.length === 1 && reads[0] === 'x';

const sizeOf = (slots: readonly Slot[]): number => slots.reduce((sum, { rows, columns }) => sum + rows * columns, 0);

/** What `countStep` counts. */
export interface CountedStep {
  readonly config: ModelConfig;
  readonly layer: LayerDefinition;
  readonly shape: ProgramShape;
  /** Of every layer. */
  readonly blocks: readonly PlannedBlock[];
  /** Compilations of an update; none where weights are reloaded. */
  readonly isCompiled: boolean;
  readonly isStatic: boolean;
  /** The parameters of all layers that are trained. */
  readonly trained: readonly ParameterEntry[];
  readonly accumulate: number;
  /** Passes of the step that run at the same time, each in memory of its own. */
  readonly inFlight: number;
  /** Of a classifier on the device. */
  readonly classifier?: ClassifierPrograms | undefined;
  /** By the name of a block: the programs that make its weight gradients; none on the host. */
  readonly gradients: ReadonlyMap<string, readonly GradientProgram[]>;
  /** Whether the step ends with an update. */
  readonly updates: boolean;
}

/** Bytes that a dispatch of weight gradients copies. */
export const gradientCopies = ({ input, output }: GradientProgram): number =>
  2 * (sizeOf(Object.values(input.slots)) + output.channels * output.width);

/** The copies of a classifier's dispatches: those that a pass waits for, and those beside the evaluations of other chunks. */
export function classifierCopies({ chunks, input, parts, freshColumns, forward, backward }: ClassifierPrograms) {
  const outputs = [forward, backward].reduce((sum, { output }) => sum + output.channels * output.width, 0);
  const read = 2 * sizeOf(['xn', ...parts].map((name) => input.slots[name]!));
  const table = 2 * input.channels * (input.width - freshColumns);
  return {
    always: read + 2 * outputs,
    prefetched: (chunks - 1) * (read + 2 * outputs),
    /** Of the table, in addition. */
    afterUpdate: { always: table, prefetched: (chunks - 1) * table },
  };
}

/** The work of a step of `accumulate` passes and an update, as `StepWork` of a trainer has it. */
export function countStep(step: CountedStep): StepWork {
  const { config, layer, shape, blocks, isStatic, trained, accumulate, classifier, gradients, updates, inFlight } =
    step;
  const { layers, vocab, dim } = config;
  const isPacked = arePacked(layer, isStatic);
  const prefetchesSaved = isPacked || inFlight === 1;
  const isAdapted = layer.base !== undefined;
  const programs = blocks.flatMap(({ forward, backward }) => [...forward, ...backward]);
  const perLayer = (of: (program: PlannedProgram) => number) =>
    layers * programs.reduce((sum, program) => sum + of(program), 0);
  const perBlock = (of: (block: PlannedBlock) => number) => layers * blocks.reduce((sum, block) => sum + of(block), 0);
  const halves = layers * blocks.length;
  const parameters = layer.parameters(shape);
  const activation = dim * shape.batch * shape.sequence;
  const names = trained.map((entry) => (entry.layer < 0 ? entry.name : entry.layer));
  /** Each waits for its update where a pass first reads it: the embedding for the rows of a pass, and for the others. */
  const parts = new Set(names).size + Number(names.includes('embedding'));
  /** Of the classifier: none on the host. */
  const chunks = classifier?.chunks ?? 0;
  const copies = classifier && classifierCopies(classifier);
  const expires = classifier !== undefined && updates && !isAdapted;
  const columns = shape.batch * shape.sequence;
  const tables = isAdapted ? [] : trained.filter(({ name }) => name === 'embedding' || name === 'head');
  const { products, vectors } = splitGradients(trained, blocks, tables);
  /** Of a pass. */
  const made = [...gradients.values()].flat();
  const parametersMade = new Set(made.flatMap((program) => program.gradients.map(({ parameter }) => parameter)));
  const converted = elementsIn(trained.filter(({ name, layer }) => layer >= 0 && parametersMade.has(name)));
  const sums = countSums(accumulate);
  const copied = (of: (copies: ProgramCopies) => number) =>
    perBlock((block) => [...copiesOf(block, isPacked).values()].reduce((sum, each) => sum + of(each), 0));
  const startsInPlace = ({ forward }: PlannedBlock) => readsOutput(forward[0]!);
  /** Blocks for which the host copies the residual stream, beside matrices of its own. */
  const entries = perBlock((block) => Number(!startsInPlace(block))) - Number(!startsInPlace(blocks[0]!));
  return {
    dispatches: accumulate * (perLayer(() => 1) + layers * made.length + 2 * chunks),
    compilations: updates && step.isCompiled && !isPacked ? perLayer(({ weights }) => Math.min(1, weights.length)) : 0,
    // The first program of all has no other before it. Passes in flight share the kernels of static weights, which keep one input each.
    copiedBytes:
      accumulate *
        (copied(({ always }) => always) +
          (prefetchesSaved ? 0 : copied(({ saved }) => saved)) +
          layers * made.reduce((sum, program) => sum + gradientCopies(program), 0) +
          (!isPacked && startsInPlace(blocks[0]!) ? 2 * activation : 0) +
          (copies?.always ?? 0)) +
      (expires ? copies!.afterUpdate.always : 0),
    prefetchedBytes:
      accumulate *
        ((prefetchesSaved ? copied(({ saved }) => saved) : 0) +
          copied(({ rest }) => rest) +
          (copies?.prefetched ?? 0)) +
      (updates ? inFlight * copied(({ afterUpdate }) => afterUpdate) : 0) +
      (expires ? copies!.afterUpdate.prefetched : 0),
    host: {
      norms: accumulate * ((isPacked ? 2 : 1) * halves + 2),
      classifierProducts: accumulate * ((classifier ? 0 : 2) + (isAdapted ? 0 : 1)),
      losses: accumulate,
      weightGradients: accumulate * perBlock((block) => productsOnHost(block, parametersMade)),
      updates: updates ? trained.length : 0,
      // Kernels get the rest from where it lies.
      copiedBytes: isPacked
        ? updates
          ? perBlock((block) => copiedInUpdate(block, inFlight))
          : 0
        : 2 * accumulate * activation * entries,
      convertedElements:
        accumulate * ((isPacked ? 1 : 3) * activation + converted) +
        (classifier ? accumulate * ((1 + chunks) * dim + 2 * vocab) * columns : 0) +
        (expires ? vocab * dim : 0) +
        (isPacked || !updates
          ? 0
          : perLayer(({ weights }) => elementsOf(weights as readonly ConstantWeight[], parameters))),
      addedElements:
        (classifier ? accumulate * (chunks - 1) * activation : 0) +
        sums.ofVectors * vectors +
        sums.ofTables * elementsIn(tables),
      foldedElements:
        sums.merges * products +
        Math.floor(accumulate / 2) * converted +
        (sums.merges - sums.ofVectors) * vectors +
        (sums.merges + Math.floor(accumulate / 2) - sums.ofTables) * elementsIn(tables),
    },
    waits: {
      kernels: accumulate * (perLayer(() => 1) + layers * made.length + 2 * chunks),
      // Passes in flight may each wait for a part's update, as it happens. For each loss, where the classifier is on the device for each chunk's gradients and new table, too, and for the norm.
      hostMath: accumulate * (1 + chunks) + (expires ? chunks : 0) + (updates ? 1 + parts : 0),
      hostThreads: gradientWaits(step, parametersMade) + 1,
    },
  };
}

/** Weight gradients of a block that the host makes. */
const productsOnHost = ({ flow }: PlannedBlock, made: ReadonlySet<string>): number =>
  flow.parameters.filter(({ parameter }) => !made.has(parameter)).length;

/**
 * Waits of a step for weight gradients but for the last, for all. One pass waits for backward surfaces, which two layers have in turn. Of
 * several, each waits for those of the pass before, block by block, and for those of the tables; these are two passes back where the
 * classifier is on the device. Kernels that make gradients wait for the surfaces that they write, which two layers have in turn, too. Passes in flight
 * hold nothing back: each run of passes in one memory waits for backward surfaces as one pass does, and where a pass follows for those that are left.
 */
function gradientWaits(
  { config: { layers }, blocks, trained, accumulate, classifier, gradients, inFlight }: CountedStep,
  made: ReadonlySet<string>,
): number {
  const onHost = blocks.filter((block) => productsOnHost(block, made) > 0).length;
  /** Of each memory, the passes that use it one after the other. */
  const passes = Array.from({ length: inFlight }, (_, index) => Math.ceil((accumulate - index) / inFlight));
  const surfaces = passes.reduce((sum, each) => sum + Math.max(0, each * layers - GRADIENT_RING), 0);
  const ofDevice = [...gradients.values()].flat().length * surfaces;
  const hasTables = trained.some(({ name }) => name === 'embedding' || name === 'head');
  const held = holdsBack({ passes: accumulate, inFlight });
  const turns = inFlight * tableTurns({ onDevice: classifier !== undefined, holdsBack: held });
  const tables = hasTables ? Math.max(0, accumulate - turns) : 0;
  const last = held ? 0 : inFlight * Math.max(0, layers - BACKWARD_RING);
  return ((accumulate - inFlight) * layers + last) * onHost + tables + ofDevice;
}

const elementsIn = (entries: readonly ParameterEntry[]): number => entries.reduce((sum, { count }) => sum + count, 0);

/** Elements of gradients that are products, and of those that the host computes otherwise, but for tables. */
function splitGradients(
  trained: readonly ParameterEntry[],
  blocks: readonly PlannedBlock[],
  tables: readonly ParameterEntry[],
): { readonly products: number; readonly vectors: number } {
  const names = new Set(blocks.flatMap(({ flow }) => flow.parameters.map(({ parameter }) => parameter)));
  const products = elementsIn(trained.filter(({ name, layer }) => layer >= 0 && names.has(name)));
  return { products, vectors: elementsIn(trained) - elementsIn(tables) - products };
}

/** Additions of a step's passes by their tree: of pairs, and how many of these begin one that is no part of a product. */
function countSums(passes: number): { readonly merges: number; readonly ofVectors: number; readonly ofTables: number } {
  const last = Number(passes >= 3);
  return {
    merges: Math.ceil(passes / 2) - 1,
    // Passes that complete a four, and the last.
    ofVectors: Math.floor((passes - 1) / 4) + last,
    // Every second pass, and the last.
    ofTables: Math.floor(passes / 2) + (passes % 2) * last,
  };
}

/** Bytes of weights that several surfaces of a block hold, of all passes in flight, but for the first, which the update writes. */
function copiedInUpdate({ forward, backward }: PlannedBlock, inFlight: number): number {
  const surfaces = new Map([...forward, ...backward].map(({ input, weights }) => [input, weights]));
  const seen = new Set<string>();
  let bytes = 0;
  for (const { parameter, slot } of [...surfaces.values()].flat() as PackedWeight[]) {
    bytes += (inFlight - Number(!seen.has(parameter))) * 2 * slot.rows * slot.columns;
    seen.add(parameter);
  }
  return bytes;
}

/** Elements of a program's constants. */
function elementsOf(weights: readonly ConstantWeight[], parameters: ParameterSpecs): number {
  return weights.reduce((sum, { parameter, transposed, part }) => {
    const [rows, columns = 1] = parameters[parameter]!.shape;
    return sum + (part === null ? rows * columns : part.count * (transposed ? columns : rows));
  }, 0);
}
