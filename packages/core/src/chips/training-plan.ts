import { type ChipProfile, invalidArgument, lint, type ProgramTime, timeMil } from '@mayfly/native';
import { flag as flagRule, milliseconds, object, oneOf, whole } from '../check.js';
import type { ModelConfig } from '../model/config.js';
import { ParameterLayout } from '../model/parameters.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { defaultBudget } from '../pool/worker/budget.js';
import { type ClassifierShape, classifierPrograms } from '../programs/classifier.js';
import type { ProgramForm } from '../programs/form.js';
import { countKinds, decoderLayerOf, namePrograms } from '../programs/layer.js';
import type { LayerDefinition } from '../programs/layer-graph.js';
import type { ProgramShape, Surface } from '../programs/shape.js';
import { arePacked, classifierCopies, copiesOf, countStep, type PlannedBlock, writeBlocks } from './step-counts.js';
import {
  type HostProducts,
  type KernelTimes,
  type StepParts,
  type TimedStep,
  timeOnProcessor,
  timeStep,
} from './step-time.js';
import type { StepWork } from './step-work.js';

/** `reloaded` are static weights that are replaced without compiling (`docs/internals/ane.md`), where the chip lets them. */
export type WeightStrategy = 'dynamic' | 'static' | 'reloaded';

/** Options of `planTraining`. */
export interface PlanOptions {
  /** Shape of the model. */
  readonly config: ModelConfig;
  /** The chip: a profile of `loadProfile` or `parseProfile`. */
  readonly profile: ChipProfile;
  /** How kernels get their weights; with adapters, those of the model. */
  readonly weights: WeightStrategy;
  /** The layers, which may have adapters; then those are trained alone. Default: the decoder's own layer. */
  readonly layer?: LayerDefinition;
  /** Windows per pass. */
  readonly batch: number;
  /** Tokens per window. */
  readonly sequence: number;
  /** How programs are written: variants and axes. Default: each half fused. */
  readonly form?: ProgramForm;
  /** Where the classifier's products run. Default: `host`. */
  readonly classifier?: 'host' | 'device' | undefined;
  /** Passes per update. Default: 1. */
  readonly accumulate?: number;
  /** Leaves out the update, as most figures of other trainers do. Default: false. */
  readonly withoutUpdate?: boolean;
  /** What computes the host's products: `exact` and `fast` are Mayfly's own loops, `blas` is Accelerate. Default: `exact`. */
  readonly precision?: HostProducts;
  /** Compilations after which a worker retires. Default: 100. */
  readonly retireAfter?: number;
  /** Pause between a worker's exit and the next start. Default: 1500 ms, as the pool's. */
  readonly settleMs?: number;
}

const hostProducts: readonly HostProducts[] = ['exact', 'fast', 'blas'];
const strategies: readonly WeightStrategy[] = ['dynamic', 'static', 'reloaded'];

/** The table of `PlanOptions`. */
export const planOptions = {
  config: { rule: object<ModelConfig>(), required: true },
  profile: { rule: object<ChipProfile>(), required: true },
  weights: {
    ...{ rule: oneOf(...strategies), required: true, defaultText: 'all, compared' },
    ...{ flag: '--weights <kind>', help: 'dynamic, static or reloaded' },
  },
  layer: { rule: object<LayerDefinition>() },
  batch: { rule: whole(1, 2 ** 24), required: true, flag: '--batch <n>', help: 'windows per pass' },
  sequence: { rule: whole(1, 2 ** 24), required: true },
  form: { rule: object<ProgramForm>(), default: {} },
  classifier: {
    ...{ rule: oneOf('host', 'device'), default: 'host', flag: '--classifier <where>' },
    help: "host, or device: the classifier's products as kernels",
  },
  accumulate: { rule: whole(1, 2 ** 24), default: 1, flag: '--accumulate <n>', help: 'passes per step' },
  withoutUpdate: {
    ...{ rule: flagRule, default: false, flag: '--without-update' },
    help: 'leave out the update, as most figures of other trainers do',
  },
  precision: {
    ...{ rule: oneOf(...hostProducts), default: 'exact', flag: '--precision <kind>' },
    help: "the host's matrix products: exact, fast (Mayfly's own) or blas (Accelerate's)",
  },
  retireAfter: {
    ...{ rule: whole(1), default: 100 },
    ...{ flag: '--retire-after <n>', help: 'compilations after which a worker retires' },
  },
  settleMs: { rule: milliseconds(0), default: 1500 },
} as const satisfies OptionTable<PlanOptions>;

/** One kernel of a layer. */
export interface KernelPlan extends Pick<ProgramTime, 'evaluateUs' | 'compileMs' | 'loadMs' | 'flops' | 'weightBytes'> {
  readonly name: string;
  /** Bytes copied between arena and surfaces, per dispatch. */
  readonly copyBytes: number;
  /** Of weights that are inputs: bytes copied in addition by the first dispatch of a layer after an update. */
  readonly stagedBytes: number;
  /** Bytes of the matrices alone that a dispatch reads and makes: surfaces may be larger. */
  readonly activationBytes: number;
  /** Rules of `mayfly lint` that say that the chip would refuse it, or give wrong data. */
  readonly brokenRules: readonly string[];
  /** Whether it has constants that training changes: an update compiles it again. */
  readonly hasWeights: boolean;
}

/** The estimated cost of training, in milliseconds unless stated otherwise. */
export interface TrainingPlan {
  readonly chip: string;
  readonly weights: WeightStrategy;
  /** Trained parameters: all, or those of the adapters. */
  readonly parameters: number;
  readonly tokensPerStep: number;
  /** Programs that are loaded at once. */
  readonly programs: number;
  /** Workers that can hold them within their budget. */
  readonly workers: number;
  readonly kernels: readonly KernelPlan[];
  /** One step: `accumulate` passes and an update. */
  readonly step: StepParts & { readonly total: number };
  /** The same step on the chip's processor alone, without the engine. */
  readonly processor: number;
  /** The work of a step, counted: that which a trainer counts (`TrainSummary.stepWork`). */
  readonly counts: StepWork;
  /** Every kernel compiled and loaded once. */
  readonly compilationRound: { readonly compilations: number; readonly milliseconds: number };
  readonly retirement: {
    /** Steps between two; Infinity where nothing uses workers up. */
    readonly everySteps: number;
    /** Time from the start of the standby until the last kernel is loaded on it. */
    readonly milliseconds: number;
    /** The part of it that a step waits for. */
    readonly stalledMs: number;
  };
  readonly day: {
    readonly steps: number;
    readonly tokens: number;
    readonly compilations: number;
    readonly retirements: number;
  };
}

const DAY_MS = 86_400_000;

/**
 * Costs of training on a chip by the model of `docs/internals/simulator.md`, without running anything.
 *
 * @throws `ERR_INVALID_ARGUMENT` for invalid options, and for reloaded weights with adapters, whose model never changes.
 */
export function planTraining(given: PlanOptions): TrainingPlan {
  const { options } = resolveOptions('planTraining', planOptions, given);
  const { config, profile, weights, batch, sequence, accumulate, retireAfter, settleMs } = options;
  const { layer = decoderLayerOf(config) } = options;
  const { host, clock } = profile;
  const shape: ProgramShape = { ...config, batch, sequence };
  const columns = batch * sequence;
  const { layers, dim, vocab } = config;
  const isAdapted = layer.base !== undefined;
  const onDevice =
    options.classifier === 'device' ? planClassifier({ dim, vocab, columns }, options.form, profile) : undefined;
  if (isAdapted && weights === 'reloaded') {
    throw invalidArgument('weights', 'dynamic or static with adapters, whose model never changes', weights);
  }
  const isStatic = weights !== 'dynamic';
  const weightFiles = profile.generation === 'm1' ? 'per-tensor' : 'single';
  const blocks = writeBlocks(layer, shape, isStatic, { weightFiles, ...options.form });
  const kernels = planKernels(blocks, shape, layer, options);
  const layout = new ParameterLayout(config, () => layer.parameters(shape));
  const trained = layout.entries.filter(({ adapter }) => isAdapted === (adapter !== undefined));
  const elements = (entries: typeof trained) => entries.reduce((sum, { count }) => sum + count, 0);
  const parameters = elements(trained);
  const trainedMatrices = trained.filter(({ layer, decay }) => layer === 0 && decay);
  const matrices = elements(trainedMatrices);

  const perLayer = (of: (kernel: (typeof kernels)[number]) => number) =>
    kernels.reduce((sum, each) => sum + of(each), 0);
  const { precision: products } = options;
  const updates = !options.withoutUpdate;
  const isPacked = arePacked(layer, isStatic);
  const isCompiled = weights === 'static';
  const counts = countStep({
    config,
    layer,
    shape,
    blocks,
    isCompiled,
    isStatic,
    trained,
    accumulate,
    updates,
    classifier: onDevice?.programs,
  });
  const kinds = weights === 'dynamic' ? countKinds(config) : layers;
  const programs = kernels.length * kinds + (onDevice ? 2 : 0);
  const compiling = ({ compileMs, loadMs }: KernelPlan) => compileMs + loadMs + clock.unloadMs.value;
  const round = kinds * perLayer(compiling);
  const updated = layers * perLayer(({ hasWeights }) => Number(hasWeights));
  const copyMs = (bytes: number) => bytes / (host.copyGBps.value * 1e6);
  const timesOf = (pass: RegExp): KernelTimes => {
    const own = kernels.filter(({ name }) => pass.test(name));
    const sum = (of: (kernel: KernelPlan) => number) => layers * own.reduce((total, each) => total + of(each), 0);
    return {
      evaluations: sum(({ evaluateUs }) => evaluateUs) / 1000,
      copies: copyMs(sum(({ copyBytes }) => copyBytes)) + sum(() => 2 * clock.lockUs.value) / 1000,
    };
  };
  const timed: TimedStep = {
    ...{ config, profile, counts, products, columns, accumulate, matrices },
    normsForward: isPacked,
    parameters: updates ? parameters : 0,
    writesHalf: isPacked,
    forward: timesOf(/Forward(\.|$)/),
    backward: timesOf(/Backward(\.|$)/),
    stagingMs: updates
      ? copyMs(layers * perLayer(({ stagedBytes }) => stagedBytes) + (isAdapted ? 0 : (onDevice?.stagedBytes ?? 0)))
      : 0,
    onDevice,
    compilationsMs: !updates
      ? 0
      : weights === 'static'
        ? layers * perLayer((kernel) => (kernel.hasWeights ? compiling(kernel) : 0))
        : weights === 'reloaded'
          ? updated * clock.reloadMs.value
          : 0,
  };
  const step = timeStep(timed);
  const working = Object.values(step).reduce((a, b) => a + b, 0);
  const { limits } = profile;
  const most = Math.min(retireAfter, defaultBudget.livePrograms, limits.compilations.value, limits.livePrograms.value);
  const workers = Math.ceil(((weights === 'reloaded' ? 2 : 1) * programs) / most);
  const wears = weights === 'static' && updates && updated > 0;
  const rounds = Math.floor((retireAfter * workers - (programs - updated)) / updated);
  const everySteps = wears ? rounds : Number.POSITIVE_INFINITY;
  // The next generation is compiled on the standby in any case: a step waits only for its start, after the last exit.
  const starting = host.workerStartMs.value + settleMs;
  const stalledMs = wears ? Math.max(0, starting - everySteps * working) : 0;
  const total = working + (wears ? stalledMs / everySteps : 0);
  const steps = DAY_MS / total;
  return {
    chip: profile.name,
    weights,
    parameters,
    tokensPerStep: columns * accumulate,
    programs,
    workers,
    kernels,
    step: { ...step, total },
    processor: timeOnProcessor(timed, step, {
      flops: layers * perLayer(({ flops }) => flops),
      activationBytes: layers * perLayer(({ activationBytes }) => activationBytes),
    }),
    counts,
    compilationRound: { compilations: programs, milliseconds: round },
    retirement: { everySteps, milliseconds: host.workerStartMs.value + round, stalledMs },
    day: {
      steps,
      tokens: steps * columns * accumulate,
      // Of reloaded weights, two programs of each kernel take turns.
      compilations: wears ? steps * updated : weights === 'reloaded' ? 2 * programs : programs,
      retirements: steps / everySteps,
    },
  };
}

/** The classifier on the device: times of a pass. */
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
    kernelsMs: (chunks * evaluateUs) / 1000,
    copiesMs: always / (profile.host.copyGBps.value * 1e6) + (2 * 2 * chunks * profile.clock.lockUs.value) / 1000,
    stagedBytes: afterUpdate,
  };
}

/** The kernels of a layer. */
function planKernels(
  blocks: readonly PlannedBlock[],
  shape: ProgramShape,
  layer: LayerDefinition,
  { profile, weights }: PlanOptions,
): KernelPlan[] {
  const parameters = layer.parameters(shape);
  const isPacked = arePacked(layer, weights !== 'dynamic');
  const copies = new Map(blocks.flatMap((block) => [...copiesOf(block)]));
  return Object.entries(namePrograms(blocks)).map(([name, made]) => {
    const { program, input, output } = made;
    const { evaluateUs, compileMs, loadMs, flops, weightBytes } = timeMil(program.text, profile);
    const { always: copyBytes, afterUpdate: stagedBytes } = copies.get(made)!;
    const errors = lint(program.text, profile).filter(({ level }) => level === 'error');
    const brokenRules = [...new Set(errors.map(({ rule }) => rule))];
    return {
      ...{ name, evaluateUs, compileMs, loadMs, flops, weightBytes, copyBytes, stagedBytes },
      activationBytes: 2 * (activations(input, parameters) + output.channels * output.width),
      brokenRules,
      hasWeights: !isPacked && made.weights.length > 0,
    };
  });
}

const activations = ({ slots }: Surface, parameters: object): number =>
  Object.entries(slots).reduce((sum, [name, { rows, columns }]) => sum + (name in parameters ? 0 : rows * columns), 0);
