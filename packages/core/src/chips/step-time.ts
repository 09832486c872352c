import type { ChipProfile } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { TABLE_GRADIENT_ROWS } from '../programs/classifier.js';
import { GRADIENT_RING } from '../programs/weight-gradients.js';
import { BACKWARD_RING, blockRank, TABLES_RANK, tableTurns } from './step-schedule.js';
import type { StepWork } from './step-work.js';
import { lastTableUser } from './sum-tree.js';
import { type QueueTask, Timeline, type Waits } from './timeline.js';

/**
 * What computes the host's matrix products: Mayfly's own loops, or Accelerate, which only `blas` calls.
 */
export type HostProducts = 'exact' | 'fast' | 'blas';

/** The parts of a step in milliseconds, as far as nothing hides them. */
export interface StepParts {
  /** Evaluations on the engine. */
  readonly kernels: number;
  /** Between arena and surfaces, with locking them. */
  readonly copies: number;
  /** Products of the classifier on the host. */
  readonly classifier: number;
  /** Norms and residual sums, embedding, cross-entropy but for its products, saved tensors, conversions, sums of passes. */
  readonly hostMath: number;
  /** Weight gradients on host threads, as far as kernels do not hide them. */
  readonly weightGradients: number;
  /** The gradient's norm and AdamW, with the fp16 weights that it writes. */
  readonly update: number;
  /** The way of dispatches and answers between processes. */
  readonly waits: number;
  /** With their loading; of reloaded weights, the loading alone. */
  readonly compilations: number;
}

/** Work of kernels in one pass. */
export interface KernelWork {
  /** Milliseconds that the engine takes, by its clock. */
  readonly evaluationsMs: number;
  /** Bytes that workers copy between arena and surfaces, but for weights after an update. */
  readonly copiedBytes: number;
  readonly dispatches: number;
}

/** A block of a layer, as shares of the layer. */
export interface TimedBlock {
  /** Of the time of forward kernels. */
  readonly forward: number;
  /** Of the time of backward kernels. */
  readonly kernels: number;
  /** Of the elements of trained matrices. */
  readonly matrices: number;
  /** Of kernels that make the weight gradients of all layers in a pass; undefined where the host does. */
  readonly gradients?: KernelWork | undefined;
}

/** A step as counts of work, which constants of a chip turn into time. */
export interface TimedStep {
  readonly config: ModelConfig;
  readonly counts: StepWork;
  readonly products: HostProducts;
  /** Tokens of a pass. */
  readonly columns: number;
  readonly accumulate: number;
  /** Whether norms run on the host forward, too. */
  readonly normsForward: boolean;
  /** Trained parameters of an update; 0 where there is none. */
  readonly parameters: number;
  /** Elements of a layer's trained matrices. */
  readonly matrices: number;
  /** Blocks of a layer in the order of the backward pass. */
  readonly blocks: readonly TimedBlock[];
  /** Whether AdamW writes fp16 copies of matrices in passing. */
  readonly writesHalf: boolean;
  /** Of all layers. */
  readonly forward: KernelWork;
  readonly backward: KernelWork;
  /** Of a classifier on the device. */
  readonly onDevice?: KernelWork | undefined;
  /** Of updated weights and saved tensors, bytes that the step waits for while workers copy them into surfaces. */
  readonly stagedBytes: number;
  readonly compilationsMs: number;
  /** Whether an update goes on while the next step begins. */
  readonly overlaps: boolean;
  /** Whether the weight gradients of a pass are held back until the next pass needs the memory that they read. */
  readonly holdsBack: boolean;
  /** Passes that run at the same time. */
  readonly inFlight: number;
  /** Processes that run kernels. */
  readonly workers: number;
  /** Whether these passes share kernels, so that each worker has a share of the layers, rather than whole passes. */
  readonly sharesKernels: boolean;
}

/** Bytes of a norm's element with the residual sum beside it: reads fp32 and fp16, writes fp32 and fp16; backward fp32 twice, and both types once more. */
export const NORM_BYTES = { forward: 12, backward: 16 } as const;
/** Bytes of a logit in cross-entropy on one core: 13 ms for 8.2 million on M3 Ultra (MAD PR 28). */
export const LOGIT_BYTES = 64;
/** Of cross-entropy, what comes before the loss: largest logits and exponentials. Measured on one core of an AMD Zen 5. */
const EXPONENTIAL_SHARE = 0.6;
/** Cores that share cross-entropy where it is parallel, and norms. */
export const PARALLEL_CORES = 10;
/** Columns of a norm that one core takes: `kNormColumns` of the native loops. */
const NORM_COLUMNS = 64;
/** Bytes of an element of the residual stream in embedding, final norm and their gradients. */
const END_BYTES = 40;
/** A conversion between fp32 and fp16. */
const CONVERSION_BYTES = 6;
/** Of parameters and gradients, which all cores stream as AdamW does: a sum of squares, adding to another gradient, adding one more on the way, an fp16 copy, AdamW itself. */
const STREAM_BYTES = { square: 4, add: 12, fold: 4, half: 2, adamw: 28 } as const;

/** Milliseconds that a chip takes for amounts of work. */
function ratesOf({ clock, host }: ChipProfile, products: HostProducts) {
  const gigaflops = products === 'blas' ? host.gemmGflops.value : host.ownGemmGflops.value;
  return {
    /** Matrix products, of so many operations. */
    gemmMs: (flops: number) => flops / (gigaflops * 1e6),
    /** Bytes that one core reads and writes. */
    moveMs: (bytes: number) => bytes / (host.elementwiseGBps.value * 1e6),
    /** Bytes that all cores do, as AdamW. */
    streamMs: (bytes: number) => bytes / (STREAM_BYTES.adamw * host.adamwPerUs.value * 1e3),
    /** Bytes between arena and surfaces. */
    copyMs: (bytes: number) => bytes / (host.copyGBps.value * 1e6),
    /** Locking the two surfaces of each dispatch. */
    lockMs: (dispatches: number) => (dispatches * 2 * clock.lockUs.value) / 1000,
    /** Until other threads take part in what the main one computes. Assumed: as long as a dispatch and its answer. */
    wakeMs: host.roundTripUs.value / 1000,
  };
}

/**
 * Generations whose engine evaluates one kernel while the dispatch of another is set up. Two at once take 1.24 to 1.30 times less on M4 Pro (NE) and 397 µs become
 * 265 on M5; on M1 1.04 times (GUIDE). Of the others nothing is known.
 */
const SET_UP_BESIDE: ReadonlySet<string> = new Set(['m4', 'm5']);

/** An evaluation in milliseconds: its parts, and how long the engine works in it after how long. */
interface EvaluationTimes {
  readonly parts: { readonly kernels: number; readonly copies: number; readonly waits: number };
  readonly setUp: number;
  readonly engine: number;
}

/** What each task of a step takes, in milliseconds. */
function tasksOf(step: TimedStep, profile: ChipProfile) {
  const { config, counts, accumulate, columns, parameters, matrices, forward, backward, onDevice, blocks } = step;
  const { layers, dim, vocab, tiedHead } = config;
  const { gemmMs, moveMs, streamMs, copyMs, lockMs, wakeMs } = ratesOf(profile, step.products);
  const activation = dim * columns;
  const normCores = Math.min(PARALLEL_CORES, Math.ceil(columns / NORM_COLUMNS));
  const normMs = (bytes: number) => {
    const alone = moveMs(bytes * activation);
    return Math.min(alone, Math.max(alone / normCores, streamMs(bytes * activation)) + wakeMs);
  };
  const isOnDevice = onDevice !== undefined;
  const evaluation = ({ evaluationsMs, copiedBytes, dispatches }: KernelWork, share: number): EvaluationTimes => {
    const dispatchMs = (dispatches * profile.clock.dispatchUs.value) / 1000;
    const setUp = SET_UP_BESIDE.has(profile.generation) ? Math.min(evaluationsMs, dispatchMs) * share : 0;
    return {
      parts: {
        kernels: evaluationsMs * share,
        copies: (copyMs(copiedBytes) + lockMs(dispatches)) * share,
        waits: (dispatches * profile.host.roundTripUs.value * share) / 1000,
      },
      setUp,
      engine: evaluationsMs * share - setUp,
    };
  };
  const tables = gemmMs((2 * counts.host.classifierProducts * vocab * activation) / accumulate);
  // Adapters are those of layers alone.
  const table = parameters === 0 || vocab * dim > parameters ? 0 : (vocab * dim) / parameters;
  const inTables = (tiedHead ? 1 : 2) * table;
  const written = parameters + (step.writesHalf ? (STREAM_BYTES.half / STREAM_BYTES.adamw) * matrices * layers : 0);
  const adamw = streamMs(STREAM_BYTES.adamw * written);
  const norm = streamMs(STREAM_BYTES.square * parameters);
  const { copiedBytes, convertedElements, addedElements, foldedElements } = counts.host;
  /** Elements of a pass's weight gradients that the device makes. */
  const made = layers * matrices * blocks.reduce((sum, each) => sum + (each.gradients ? each.matrices : 0), 0);
  const isBeside = step.inFlight > 1 && step.writesHalf;
  const chunks = onDevice === undefined ? 0 : onDevice.dispatches / 2;
  const conversion = (elements: number) => streamMs(CONVERSION_BYTES * elements);
  /** Whether an update changes the table of a classifier on the device. */
  const expires = isOnDevice && table > 0;
  /** Conversions of a classifier on the device: in a pass of its input, of logits and their gradients, of each part of its input's gradient, and once of its table. */
  const ofClassifier = isOnDevice
    ? accumulate * ((1 + chunks) * activation + 2 * vocab * columns) + Number(expires) * vocab * dim
    : 0;
  const partAdditions = Math.max(0, chunks - 1) * activation;
  const sums = streamMs(
    STREAM_BYTES.add * (addedElements - accumulate * partAdditions) + STREAM_BYTES.fold * foldedElements,
  );
  const trainedTables = layers * matrices === 0 ? 0 : (vocab * dim) / (vocab * dim + layers * matrices);
  const isAdapted = parameters > 0 && table === 0;
  const logits = moveMs((LOGIT_BYTES / PARALLEL_CORES) * vocab * columns);
  const sumsInTable = isAdapted ? 0 : trainedTables;
  const blockShare = (of: (block: TimedBlock) => number) => blocks.toReversed().map((block) => of(block) / layers);
  return {
    /** Of each block of a layer, from the bottom up. */
    forward: blockShare(({ forward: share }) => share).map((share) => evaluation(forward, share)),
    backward: blockShare(({ kernels }) => kernels).map((share) => evaluation(backward, share)),
    /** What workers copy in a pass while the step waits. */
    staged: copyMs(step.stagedBytes) / accumulate,
    normForward: step.normsForward ? normMs(NORM_BYTES.forward) : 0,
    normBackward: normMs(NORM_BYTES.backward),
    ends: moveMs(END_BYTES * activation),
    /** The rest: what conversions a layer's ends need, copies between surfaces, and a table for a classifier on the device. */
    moved:
      (streamMs(isBeside ? 0 : 2 * copiedBytes) + conversion(convertedElements - ofClassifier - accumulate * made)) /
      accumulate,
    /** Of a layer's updated weights for passes in flight, which copy theirs beside other work. */
    weightCopies: isBeside ? streamMs(2 * copiedBytes) / layers : 0,
    logits,
    classifier: isOnDevice ? 0 : tables,
    /** Of a classifier on the device: the gradient of its table. */
    tableGradient: isOnDevice ? tables : 0,
    tableParts: Math.ceil(vocab / TABLE_GRADIENT_ROWS),
    /** Of a chunk of the vocabulary, where the classifier is on the device. */
    chunk: onDevice && {
      chunks,
      evaluation: evaluation(onDevice, 0.5 / chunks),
      table: expires ? conversion((vocab * dim) / chunks) : 0,
      softmax: (conversion(vocab * columns) + EXPONENTIAL_SHARE * logits) / chunks,
      gradient: (conversion(vocab * columns) + (1 - EXPONENTIAL_SHARE) * logits) / chunks,
      part: conversion(activation),
      addition: streamMs(STREAM_BYTES.add * activation),
    },
    input: conversion(activation),
    /** Weight gradients of each block of a layer, from the bottom up, and the sums of earlier passes that are added to them. */
    products: blocks.toReversed().map(({ matrices: share, gradients }) => {
      const elements = share * matrices;
      const own = gradients === undefined ? gemmMs(2 * elements * columns) : conversion(elements);
      return own + ((1 - sumsInTable) * sums * share) / (layers * accumulate);
    }),
    /** Of all weight gradients that the device makes in a pass. */
    conversions: conversion(made),
    /** Kernels that make the weight gradients of each block of a layer, from the bottom up; undefined where the host does. */
    gradients: blocks.toReversed().map(({ gradients }) => gradients && evaluation(gradients, 1 / layers)),
    tableSums: (sumsInTable * sums) / accumulate,
    square: { layers: (1 - inTables) * norm, tables: inTables * norm },
    adamw: {
      rows: Math.min(1, columns / vocab) * table * adamw,
      layer: ((1 - inTables) * adamw) / layers,
      tables: (inTables - Math.min(1, columns / vocab) * table) * adamw,
    },
    norm,
    update: adamw,
    sums,
  };
}

/** Enough for the updates of one to meet the passes of the next as they do ever after. */
const STEPS = 3;

/** The time of a step: counts of work by the constants of a chip, where each part waits for what the code has it wait for. */
export function timeStep(step: TimedStep, profile: ChipProfile): StepParts {
  const { parts } = runSteps(step, profile);
  const each = (part: keyof StepParts) => parts.get(part) ?? 0;
  return {
    kernels: each('kernels'),
    copies: each('copies'),
    classifier: each('classifier'),
    hostMath: each('hostMath'),
    weightGradients: each('weightGradients'),
    update: each('update'),
    waits: each('waits'),
    compilations: each('compilations'),
  };
}

/**
 * When the gradients of a step's last pass are made, in milliseconds from the begin of its backward pass: of a head of its own, of blocks from
 * the last one on, and of the embedding.
 */
export function lastGradients(step: TimedStep, profile: ChipProfile) {
  const { begin, products, table } = runSteps(step, profile).last;
  // A loss on the host has made the gradient of its table.
  return {
    head: step.onDevice === undefined ? 0 : table - begin,
    blocks: products.map((end) => end - begin).toReversed(),
    embedding: table - begin,
  };
}

/** The parts of the last of some steps, and when the gradients of its last pass were made. */
function runSteps(step: TimedStep, profile: ChipProfile) {
  const timeline = new Timeline<keyof StepParts>(profile.engines);
  const run = stepOn(timeline, step, profile);
  let last = run();
  for (let count = 1; count < STEPS; count++) {
    timeline.takeParts();
    last = run();
  }
  return { parts: timeline.takeParts(), last };
}

type StepTimeline = Timeline<keyof StepParts>;
type StepTask = QueueTask<keyof StepParts>;
type StepWaits = Waits<keyof StepParts>;

/** What passes in one memory have under way. */
interface PassMemory {
  /** Weight gradients by block. */
  readonly products: StepTask[];
  /** Kernels that make weight gradients, and have not been waited for. */
  readonly sent: { readonly index: number; readonly end: number }[];
  /** By kind of block, the last conversions of their results. */
  readonly converted: readonly StepTask[][];
  /** Weight gradients of tables by turn: with a classifier on the device, passes have the tensors that these are made of in turn. */
  readonly tables: (StepTask | undefined)[];
  /** What the next pass does first. */
  endBefore: () => StepWaits;
}

function* nothing(): StepWaits {}

/** Runs a step on a timeline, as `TrainStep` does. */
function stepOn(timeline: StepTimeline, step: TimedStep, profile: ChipProfile) {
  const { config, accumulate, blocks, overlaps, holdsBack, writesHalf, parameters, inFlight, workers } = step;
  const tasks = tasksOf(step, profile);
  const count = config.layers * blocks.length;
  const layerOf = (index: number) => Math.floor(index / blocks.length);
  const of = <Each>(each: readonly Each[], index: number): Each => each[index % blocks.length]!;
  const memories = Array.from(
    { length: inFlight },
    (): PassMemory => ({
      ...{ products: [], sent: [], tables: [], endBefore: nothing },
      converted: blocks.map(() => []),
    }),
  );
  const memoryOf = (pass: number) => memories[pass % inFlight]!;
  const turns = tableTurns({ onDevice: tasks.chunk !== undefined, holdsBack });
  let updates: { rows: StepTask; layers: StepTask[]; tables: StepTask } | undefined;
  /** By place, the pass whose turn it is. */
  const next = new Map<string, number>();

  /** Waits until a pass has left a place. */
  function* after(place: string, pass: number): StepWaits {
    const hasLeft = () => (next.get(place) ?? 0) > pass;
    if (!hasLeft()) yield hasLeft;
  }
  /** Works at a place once all earlier passes have left it. */
  function* take(place: string, pass: number, work: () => StepWaits): StepWaits {
    yield* after(place, pass - 1);
    yield* work();
    next.set(place, pass + 1);
  }

  /** With one pass in flight no worker has anything to do beside another. */
  const workerOf = (pass: number, layer: number) => {
    if (inFlight === 1) return 0;
    return step.sharesKernels ? Math.floor((layer * workers) / config.layers) : (pass % inFlight) % workers;
  };
  const evaluate = ({ parts, ...engine }: EvaluationTimes, worker: number) =>
    timeline.evaluate(parts, { ...engine, worker });

  function* forward(pass: number): StepWaits {
    const memory = memoryOf(pass);
    yield updates?.rows;
    timeline.compute('hostMath', tasks.moved + tasks.ends / 2);
    yield* memory.endBefore();
    memory.endBefore = nothing;
    yield timeline.evaluate({ copies: tasks.staged }, { worker: workerOf(pass, 0) });
    for (let index = 0; index < count; index++) {
      yield updates?.layers[layerOf(index)];
      yield memory.products[index];
      timeline.compute('hostMath', tasks.normForward);
      yield evaluate(of(tasks.forward, index), workerOf(pass, layerOf(index)));
    }
    yield memory.tables[Math.floor(pass / inFlight) % turns];
  }

  /** Sends evaluations of all chunks, each once its input is written and so is the next one's, which the engine's worker copies meanwhile. */
  function* start(
    { chunks, evaluation }: NonNullable<typeof tasks.chunk>,
    written: readonly StepTask[],
    ends: number[],
  ): StepWaits {
    yield written[0];
    for (let index = 0; index < chunks; index++) {
      yield written[index + 1];
      ends.push(evaluate(evaluation, 0));
    }
  }

  function* loss(pass: number): StepWaits {
    yield updates?.tables;
    const { chunk } = tasks;
    if (chunk === undefined) {
      yield timeline.queue({ classifier: tasks.classifier, hostMath: tasks.logits + tasks.ends / 2 });
      return;
    }
    const queueEach = (hostMath: number) => Array.from({ length: chunk.chunks }, () => timeline.queue({ hostMath }));
    const table = pass === 0 && chunk.table > 0 ? queueEach(chunk.table) : [];
    timeline.compute('hostMath', tasks.input);
    const logits: number[] = [];
    yield* start(chunk, table, logits);
    for (const end of logits) {
      yield end;
      timeline.queue({ hostMath: chunk.softmax });
    }
    const gradients = queueEach(chunk.gradient);
    for (let part = 0; part < tasks.tableParts; part++) {
      timeline.queue({ weightGradients: tasks.tableGradient / tasks.tableParts }, TABLES_RANK);
    }
    const inputs: number[] = [];
    yield* start(chunk, gradients, inputs);
    for (const [index, end] of inputs.entries()) {
      yield end;
      timeline.compute('hostMath', chunk.part + (index === 0 ? 0 : chunk.addition));
    }
    timeline.compute('hostMath', tasks.ends / 2);
  }

  function* backward(pass: number): StepWaits {
    const memory = memoryOf(pass);
    const { products, sent, converted, tables } = memory;
    const isLast = pass === accumulate - 1;
    const square = isLast ? tasks.square : { layers: 0, tables: 0 };
    const partsOf = (index: number) => ({ weightGradients: of(tasks.products, index), update: square.layers / count });
    function* queueSent(last: number): StepWaits {
      for (const { index, end } of sent.splice(0, sent.length - last)) {
        yield end;
        yield* after(`products-${index}`, pass - 1);
        of(converted, index).push(timeline.queue(partsOf(index)));
        next.set(`products-${index}`, pass + 1);
      }
    }
    function* submit(index: number): StepWaits {
      const kernels = of(tasks.gradients, index);
      if (kernels === undefined) {
        yield* queueSent(0);
        yield* after(`products-${index}`, pass - 1);
        const parts = partsOf(index);
        products[index] = timeline.queue(parts, holdsBack && !isLast ? blockRank(index) : 0);
        next.set(`products-${index}`, pass + 1);
        return;
      }
      const isOfKind = (other: number) => (other - index) % blocks.length === 0;
      const unfinished = sent.filter((each) => isOfKind(each.index)).length;
      yield of(converted, index).at(unfinished - GRADIENT_RING);
      sent.push({ index, end: evaluate(kernels, (pass % inFlight) % workers) });
    }
    const ring = holdsBack ? Number.POSITIVE_INFINITY : BACKWARD_RING * blocks.length;
    for (let index = count - 1; index >= 0; index--) {
      const end = evaluate(of(tasks.backward, index), workerOf(pass, layerOf(index)));
      const before = sent.length;
      if (index < count - 1) yield* submit(index + 1);
      if (index - 1 + ring < count) yield products[index - 1 + ring];
      yield end;
      yield* queueSent(Math.max(0, sent.length - before));
      yield* after(`norm-${index}`, pass - 1);
      timeline.compute('hostMath', tasks.normBackward);
      next.set(`norm-${index}`, pass + 1);
    }
    yield* submit(0);
    function* end(): StepWaits {
      yield* queueSent(0);
      yield* after('embedding', pass - 1);
      const parts = { hostMath: tasks.tableSums, update: square.tables };
      tables[Math.floor(pass / inFlight) % turns] = timeline.queue(parts, TABLES_RANK);
      next.set('embedding', pass + 1);
    }
    // The next pass begins meanwhile, unless another one is in flight.
    if (isLast || inFlight > 1 || sent.length === 0) yield* end();
    else memory.endBefore = end;
  }

  return () => {
    let begin = 0;
    next.clear();
    function* passesFrom(first: number): StepWaits {
      for (let pass = first; pass < accumulate; pass += inFlight) {
        yield* forward(pass);
        if (config.tiedHead) yield* after('embedding', lastTableUser(pass, accumulate, inFlight));
        yield* take('loss', pass, () => loss(pass));
        if (pass === accumulate - 1) begin = timeline.now;
        yield* backward(pass);
      }
    }
    timeline.run(memories.map((_, first) => passesFrom(first)));
    for (const { products, converted, tables } of memories) {
      for (const task of [...products, ...converted.flat(), ...tables]) timeline.wait(task);
    }
    const { products, converted, tables } = memoryOf(accumulate - 1);
    const table = tables[Math.floor((accumulate - 1) / inFlight) % turns]!.end!;
    // Conversions come from the last block down.
    for (const [kind, tasks] of converted.entries()) {
      for (const [layer, task] of tasks.slice(-config.layers).toReversed().entries()) {
        products[layer * blocks.length + kind] = task;
      }
    }
    const last = { begin, products: products.map(({ end }) => end!), table };
    for (const memory of memories) {
      for (const each of [memory.products, memory.tables, ...memory.converted]) each.length = 0;
    }
    updates = undefined;
    if (parameters === 0) return last;
    updates = {
      rows: timeline.queue({ update: tasks.adamw.rows }),
      layers: Array.from({ length: config.layers }, () =>
        timeline.queue({ update: tasks.adamw.layer, hostMath: tasks.weightCopies }),
      ),
      tables: timeline.queue({ update: tasks.adamw.tables }),
    };
    // Where an update compiles, nothing is hidden.
    if (overlaps && writesHalf) return last;
    timeline.wait(updates.tables);
    timeline.compute('compilations', step.compilationsMs);
    return last;
  };
}

/** Milliseconds that each part of the chip works in a step, if nothing waits for anything: no step is shorter than the longest. */
export interface BusyTimes {
  /** Kernels with their copies, one after the other. */
  readonly engine: number;
  /** All matrix products of the host. */
  readonly products: number;
  /** Norms, loss, conversions, sums of gradients, their norm, AdamW: what reads and writes memory. */
  readonly memory: number;
}

/** The least times of a step by the work that each part of the chip has. */
export function busyTimes(step: TimedStep, profile: ChipProfile): BusyTimes {
  const { config, accumulate, forward, backward, onDevice, columns, matrices, counts } = step;
  const { copyMs, lockMs, gemmMs } = ratesOf(profile, step.products);
  const { layers } = config;
  const tasks = tasksOf(step, profile);
  const made = step.blocks.flatMap(({ gradients }) => gradients ?? []);
  const engine = [forward, backward, ...made, ...(onDevice ? [onDevice] : [])].reduce(
    (sum, work) => sum + work.evaluationsMs + copyMs(work.copiedBytes) + lockMs(work.dispatches),
    tasks.staged,
  );
  const norms = layers * step.blocks.length * (tasks.normForward + tasks.normBackward);
  const { chunk } = tasks;
  const loss =
    tasks.ends +
    (chunk === undefined
      ? tasks.logits
      : tasks.input + chunk.chunks * (chunk.softmax + chunk.gradient + chunk.part + chunk.addition) - chunk.addition);
  const table = chunk === undefined ? 0 : chunk.chunks * chunk.table;
  const classifier = 2 * counts.host.classifierProducts * config.vocab * config.dim * columns;
  const onHost = step.blocks.reduce((sum, { gradients, matrices: share }) => sum + (gradients ? 0 : share), 0);
  return {
    engine: accumulate * engine,
    products: gemmMs(classifier + 2 * accumulate * layers * onHost * matrices * columns),
    memory:
      accumulate * (norms + loss + tasks.moved + tasks.conversions) + table + tasks.sums + tasks.norm + tasks.update,
  };
}

/**
 * The time of a step that the chip's processor computes alone: the kernels' arithmetic and activations as host math, and the host's
 * part without anything that hides it.
 *
 * @param flops Of all kernels of a pass.
 * @param activationBytes Of the matrices that these read and make.
 */
export function timeOnProcessor(
  step: TimedStep,
  profile: ChipProfile,
  { flops, activationBytes }: { readonly flops: number; readonly activationBytes: number },
): number {
  const { accumulate, config, matrices, columns } = step;
  const { gemmMs, moveMs } = ratesOf(profile, step.products);
  const kernels = gemmMs(flops + 2 * config.layers * matrices * columns) + moveMs(activationBytes);
  // On the device it leaves the host the product toward its table alone.
  const products = step.counts.host.classifierProducts + (step.onDevice ? 2 * accumulate : 0);
  const classifier = gemmMs(2 * products * config.vocab * config.dim * columns);
  // Nothing is converted that the host makes itself.
  const conversions = accumulate * tasksOf(step, profile).conversions;
  return accumulate * kernels + classifier + busyTimes(step, profile).memory - conversions;
}
