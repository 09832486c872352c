import { type ChipProfile, invalidArgument, type ProgramTime, timeMil } from '@mayfly/native';
import { type ParameterEntry, ParameterLayout } from '../model/parameters.js';
import { resolveOptions } from '../option-table.js';
import { type ClassifierShape, classifierPrograms } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import { blocksOnDevice } from '../programs/gradient-option.js';
import { countKinds, decoderLayerOf, namePrograms } from '../programs/layer.js';
import type { LayerDefinition } from '../programs/layer-graph.js';
import type { ProgramShape, Surface } from '../programs/shape.js';
import { type GradientProgram, gradientPrograms } from '../programs/weight-gradients.js';
import { type PlanOptions, planOptions } from './plan-options.js';
import {
  arePacked,
  classifierCopies,
  copiesOf,
  countStep,
  gradientCopies,
  type PlannedBlock,
  writeBlocks,
} from './step-counts.js';
import { holdsBack } from './step-schedule.js';
import type { KernelWork, TimedStep } from './timed-step.js';

/** A kernel of a layer, as it is planned. */
export interface PlannedKernel
  extends Pick<ProgramTime, 'evaluateUs' | 'compileMs' | 'loadMs' | 'flops' | 'weightBytes'> {
  readonly name: string;
  /** Bytes copied between arena and surfaces, per dispatch. */
  readonly copyBytes: number;
  /** Bytes copied before a dispatch, beside other work: what the forward pass saved for it. */
  readonly savedBytes: number;
  /** Bytes copied after a dispatch, beside other work: what the step does not need at once. */
  readonly restBytes: number;
  /** Of weights that are inputs: bytes copied in the same way before the first dispatch of a layer after an update. */
  readonly stagedBytes: number;
  /** Bytes of the matrices alone that a dispatch reads and makes: surfaces may be larger. */
  readonly activationBytes: number;
  /** Whether it has constants that training changes: an update compiles it again. */
  readonly hasWeights: boolean;
  /** Its program, in MIL. */
  readonly text: string;
}

/** A step before it is timed: its kernels, and its work. */
export interface PlannedStep {
  /** With the defaults. */
  readonly options: ReturnType<typeof resolvePlan>;
  readonly kernels: readonly PlannedKernel[];
  readonly work: TimedStep;
  /** Trained parameters: all, or those of the adapters. */
  readonly parameters: number;
  /** These, tensor by tensor. */
  readonly trained: readonly ParameterEntry[];
  /** The programs of a layer. */
  readonly blocks: readonly PlannedBlock[];
  /** Programs that are loaded at once. */
  readonly programs: number;
  /** Those that an update compiles, or loads again. */
  readonly updated: number;
  /** Compiling and loading each program of all layers once, in milliseconds. */
  readonly roundMs: number;
}

const resolvePlan = (given: PlanOptions) => resolveOptions('planTraining', planOptions, given).options;

/** Writes the programs of a step and counts its work. Errors are those of `planTraining`. */
export function planStep(given: PlanOptions): PlannedStep {
  const options = resolvePlan(given);
  const { config, profile, weights, batch, sequence, accumulate } = options;
  const { layer = decoderLayerOf(config), workers = 1 } = options;
  const inFlight = Math.min(accumulate, options.inFlight ?? workers);
  const { clock } = profile;
  const shape: ProgramShape = { ...config, batch, sequence };
  const columns = batch * sequence;
  const { layers, dim, vocab } = config;
  const isAdapted = layer.base !== undefined;
  if (isAdapted && weights === 'reloaded') {
    throw invalidArgument('weights', 'dynamic or static with adapters, whose model never changes', weights);
  }
  const onDevice =
    options.classifier === 'device' ? planClassifier({ dim, vocab, columns }, options.form, profile) : undefined;
  const isStatic = weights !== 'dynamic';
  const weightFiles = profile.generation === 'm1' ? 'per-tensor' : 'single';
  const blocks = writeBlocks(layer, shape, isStatic, { weightFiles, ...options.form });
  const isPacked = arePacked(layer, isStatic);
  const planned = planKernels(blocks, shape, layer, options);
  // Passes in flight share the kernels of static weights, which keep one input each: nothing is copied into it before.
  const kernels =
    isPacked || inFlight === 1
      ? planned
      : planned.map((each) => ({ ...each, copyBytes: each.copyBytes + each.savedBytes, savedBytes: 0 }));
  const layout = new ParameterLayout(config, () => layer.parameters(shape));
  const trained = layout.entries.filter(({ adapter }) => isAdapted === (adapter !== undefined));
  const elements = (entries: typeof trained) => entries.reduce((sum, { count }) => sum + count, 0);
  const parameters = elements(trained);
  const matrices = elements(trained.filter(({ layer, decay }) => layer === 0 && decay));
  const updates = !options.withoutUpdate;
  const isCompiled = weights === 'static';
  const gradients = new Map(
    blocks.flatMap(({ block, flow }) =>
      blocksOnDevice(options.weightGradients, layer.blocks).includes(block.name)
        ? [[block.name, gradientPrograms(flow.parameters, layer.parameters(shape), columns, options.form)] as const]
        : [],
    ),
  );
  const counts = countStep({
    ...{ config, layer, shape, blocks, isCompiled, isStatic, trained, accumulate, inFlight, updates, gradients },
    classifier: onDevice?.programs,
  });
  const perLayer = (of: (kernel: PlannedKernel) => number) => kernels.reduce((sum, each) => sum + of(each), 0);
  const kinds = weights === 'dynamic' ? countKinds(config) : layers;
  const compiling = ({ compileMs, loadMs }: PlannedKernel) => compileMs + loadMs + clock.unloadMs.value;
  const updated = layers * perLayer(({ hasWeights }) => Number(hasWeights));
  const workOf = (pass: RegExp): KernelWork => {
    const own = kernels.filter(({ name }) => pass.test(name));
    const sum = (of: (kernel: PlannedKernel) => number) => layers * own.reduce((total, each) => total + of(each), 0);
    return {
      evaluationsMs: sum(({ evaluateUs }) => evaluateUs) / 1000,
      copiedBytes: sum(({ copyBytes }) => copyBytes),
      dispatches: sum(() => 1),
    };
  };
  const forward = workOf(/Forward(\.|$)/);
  const backward = workOf(/Backward(\.|$)/);
  const timedBlocks = blocks.toReversed().map(({ block, flow }) => {
    const evaluationsMs = (pass: string) => {
      const own = kernels.filter(({ name }) => name.split('.')[0] === `${block.name}${pass}`);
      return (layers * own.reduce((sum, { evaluateUs }) => sum + evaluateUs, 0)) / 1000;
    };
    const names = new Set(flow.parameters.map(({ parameter }) => parameter));
    const products = trained.filter(({ layer, decay, name }) => layer === 0 && decay && names.has(name));
    return {
      forward: evaluationsMs('Forward') / forward.evaluationsMs,
      kernels: evaluationsMs('Backward') / backward.evaluationsMs,
      matrices: elements(products) / matrices,
      gradients: gradients.has(block.name) ? gradientWork(gradients.get(block.name)!, layers, profile) : undefined,
    };
  });
  // Other work hides prefetches but for the weights of the first layer, the first chunk of a table, the saved tensors of the last block, and what
  // the last kernels of both passes put out.
  const table = isAdapted ? 0 : (onDevice?.stagedBytes ?? 0);
  const stagedBytes =
    (updates ? inFlight * perLayer((kernel) => kernel.stagedBytes) + table : 0) +
    accumulate * Math.max(...kernels.map(({ savedBytes }) => savedBytes)) +
    accumulate * 2 * Math.max(...kernels.map(({ restBytes }) => restBytes));
  const compilationsMs = {
    dynamic: 0,
    static: layers * perLayer((kernel) => (kernel.hasWeights ? compiling(kernel) : 0)),
    reloaded: updated * clock.reloadMs.value,
  }[weights];
  return {
    options,
    kernels,
    parameters,
    trained,
    blocks,
    programs:
      (weights === 'dynamic' ? inFlight : 1) * kernels.length * kinds +
      inFlight * [...gradients.values()].flat().length +
      (onDevice ? 2 : 0),
    updated,
    roundMs: kinds * perLayer(compiling),
    work: {
      ...{ config, counts, columns, accumulate, matrices },
      products: options.precision === 'auto' ? 'blas' : options.precision,
      normsForward: isPacked,
      parameters: updates ? parameters : 0,
      writesHalf: isPacked,
      forward,
      backward,
      blocks: timedBlocks,
      onDevice: onDevice?.work,
      stagedBytes,
      compilationsMs: updates ? compilationsMs : 0,
      overlaps: true,
      holdsBack: holdsBack({ passes: accumulate, inFlight }),
      ...{ inFlight, workers, sharesKernels: weights !== 'dynamic' },
    },
  };
}

/** Weight gradients of a block on the device, of all layers: their work in a pass. */
const gradientWork = (programs: readonly GradientProgram[], layers: number, profile: ChipProfile): KernelWork => {
  const sum = (of: (program: GradientProgram) => number) =>
    layers * programs.reduce((total, program) => total + of(program), 0);
  return {
    evaluationsMs: sum(({ program }) => timeMil(program.text, profile).evaluateUs) / 1000,
    copiedBytes: sum(gradientCopies),
    dispatches: sum(() => 1),
  };
};

/** The classifier on the device: its work in a pass. */
function planClassifier(shape: ClassifierShape, form: ProgramForm, profile: ChipProfile) {
  const programs = classifierPrograms(shape, form);
  const { chunks, forward, backward } = programs;
  const { always, afterUpdate } = classifierCopies(programs);
  const evaluateUs = [forward, backward].reduce(
    (sum, { program }) => sum + timeMil(program.text, profile).evaluateUs,
    0,
  );
  return {
    programs,
    work: { evaluationsMs: (chunks * evaluateUs) / 1000, copiedBytes: always, dispatches: 2 * chunks },
    stagedBytes: afterUpdate.always,
  };
}

/** The kernels of a layer. */
function planKernels(
  blocks: readonly PlannedBlock[],
  shape: ProgramShape,
  layer: LayerDefinition,
  { profile, weights }: PlanOptions,
): PlannedKernel[] {
  const parameters = layer.parameters(shape);
  const isPacked = arePacked(layer, weights !== 'dynamic');
  const copies = new Map(blocks.flatMap((block) => [...copiesOf(block, isPacked)]));
  return Object.entries(namePrograms(blocks)).map(([name, made]) => {
    const { program, input, output } = made;
    const { evaluateUs, compileMs, loadMs, flops, weightBytes } = timeMil(program.text, profile);
    const { always: copyBytes, saved: savedBytes, rest: restBytes, afterUpdate: stagedBytes } = copies.get(made)!;
    return {
      ...{ name, evaluateUs, compileMs, loadMs, flops, weightBytes, copyBytes, savedBytes, restBytes, stagedBytes },
      activationBytes: 2 * (activations(input, parameters) + output.channels * output.width),
      hasWeights: !isPacked && made.weights.length > 0,
      text: program.text,
    };
  });
}

const activations = ({ slots }: Surface, parameters: object): number =>
  Object.entries(slots).reduce((sum, [name, { rows, columns }]) => sum + (name in parameters ? 0 : rows * columns), 0);
