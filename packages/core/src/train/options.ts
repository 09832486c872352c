import { availableParallelism } from 'node:os';
import type { Precision } from '@mayfly/native';
import { abortSignal, bagOf, callback, flag, number, object, oneOf, type Rule, rule, text, whole } from '../check.js';
import type { Collective } from '../collective/collective.js';
import type { TokenStream } from '../data/token-stream.js';
import { type FrozenPart, frozenRule, type LayersOption } from '../decoder/layer-plan.js';
import { type LoraOptions, type LoraSettings, loraOptions } from '../decoder/lora-options.js';
import { type DataOptions, dataOptions } from '../inference/data-options.js';
import { isTokenStream, pathOr, tokenizerOption, variantOption, weightsOption } from '../inference/shared-options.js';
import { threadCapacity, wholeUpTo } from '../machine/capacity.js';
import type { ModelConfig } from '../model/config.js';
import { presets } from '../model/presets.js';
import { type AnyOptionTable, nested, type OptionOrigin, type OptionTable, rulesOf } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { type PoolOptions, poolOptions } from '../pool/pool-options.js';
import { gradientsRule } from '../programs/gradient-option.js';
import { type OptimizerOptions, optimizerOptions } from './optimizer-options.js';
import type { SavedPrecision } from './run-precision.js';
import { MOST_STEPS } from './schedules.js';
import { type ValidationOptions, validationOptions } from './validation-options.js';

/** A model's shape and its name in logs. */
export interface NamedConfig extends ModelConfig {
  readonly name?: string | undefined;
}

/** Options of training. A missing option has its default, or the resumed run's value. */
export interface TrainOptions extends DataOptions, OptimizerOptions, ValidationOptions {
  /**
   * A preset, a llama2.c checkpoint, a folder of Hugging Face's transformers, or a run of Mayfly; or a shape to train from scratch: a
   * `config.json` of transformers, or sizes with a `name` for logs (default `custom`). Default `tiny`.
   */
  readonly model?: string | NamedConfig | undefined;
  /** A file or folder of text, rows or tokens (docs/topics/data.md); or tokens at hand, which the trainer leaves open. */
  readonly data?: string | TokenStream | undefined;
  /** `bytes`, a vocabulary file of llama2.c or a `tokenizer.json`. Default: the model's own. */
  readonly tokenizer?: string | undefined;
  /**
   * A pool of `createPool`, which the trainer does not close; or the options of a pool that the trainer opens, with an arena of the
   * required size, and closes. Host math uses the pool's `precision`; a resumed run reads it from its checkpoint.
   */
  readonly pool?: Pool | PoolOptions | undefined;
  /**
   * Whether weights are part of the kernels' input, or constants that every update compiles anew. With `lora`, static weights are those of
   * the model, which are compiled once, and adapters are inputs in either case. Default `dynamic`; with `lora` `static`.
   */
  readonly weights?: 'dynamic' | 'static' | undefined;
  /**
   * How the programs of layers are cut and written (docs/topics/variants.md): a variant for all halves, such as `fused`, or a list such as
   * `attention=sdpaBwd,feedForward=fused,silu=exp`. Default: for each half the first that the device runs.
   */
  readonly variant?: string | undefined;
  /**
   * The definition of the layers: one of `defineLayer` for all, or a function that is called with a layer's index, from 0, and returns
   * `{ definition, weights }` (docs/topics/layers.md). A resumed run needs the same definitions. Default: the decoder's own layer.
   */
  readonly layers?: LayersOption | undefined;
  /**
   * Where the classifier's products with its table run: on the host, or as kernels of the device, in chunks of the vocabulary, which
   * rounds logits and their gradients to fp16 (docs/topics/training.md). Default `host`.
   */
  readonly classifier?: 'host' | 'device' | undefined;
  /**
   * Where the weight gradients of layers are made: `host`, `device`, as kernels without weights that round them to fp16, or the names of blocks that the device has,
   * such as `feedForward` (docs/topics/training.md). Default `auto`: on the Neural Engine the blocks with which a plan for the chip has the shortest step, on
   * other devices, with `lora` and with the precision `exact` the host.
   */
  readonly weightGradients?: string | undefined;
  /** Trains adapters in place of the model's parameters (docs/topics/lora.md). Default: none. */
  readonly lora?: Partial<LoraOptions> | undefined;
  /** Parts that are not trained: layers by their index, `embedding`, `finalNorm`, `head`. Default: none. */
  readonly freeze?: readonly FrozenPart[] | undefined;
  /** Threads that compute weight gradients beside the main thread; 0 computes them on it. Default: the cores, 8 at most. */
  readonly hostThreads?: number | undefined;
  /** Windows per forward pass. Default 8. */
  readonly batch?: number | undefined;
  /** Tokens per window. Default 128, or the model's context if that is shorter. */
  readonly seq?: number | undefined;
  /** Last step of the run, counted from its beginning. Default 1000. */
  readonly steps?: number | undefined;
  /** Forward and backward passes per step, of each rank; the loss is the mean over all of their targets. Default 1. */
  readonly accumulate?: number | undefined;
  /**
   * Passes of a step that run at the same time, each in memory of its own, with the same result to the bit. Default: as many as the pool has
   * workers; on device `cpu` no more than cores.
   */
  readonly inFlight?: number | undefined;
  /** Windows at random offsets, one after another, or shuffled without replacement. Default `random`; with `epochs` `shuffled`. */
  readonly order?: 'random' | 'sequential' | 'shuffled' | undefined;
  /** How often the data are trained on, which decides `steps`. Default: as often as `steps` takes. */
  readonly epochs?: number | undefined;
  /** Of the initial parameters and of the order. Default 0. */
  readonly seed?: number | undefined;
  /** The run's folder (docs/topics/runs.md). Default: none, and no checkpoint or log is written; on resuming the folder resumed from. */
  readonly out?: string | undefined;
  /** Steps from one checkpoint to the next; 0 writes none by steps. Default 0. */
  readonly checkpointEvery?: number | undefined;
  /**
   * Minutes from one checkpoint to the next, or 50 times as long as the last one took to write, if that is more; 0 writes none by
   * time. Default 10.
   */
  readonly checkpointMinutes?: number | undefined;
  /** Checkpoints kept; older ones of the same run are removed. Default 3. */
  readonly keep?: number | undefined;
  /** Also writes a checkpoint at every multiple of this number of steps and never removes it; 0: none. Default 0. */
  readonly keepEvery?: number | undefined;
  /** Folder of the run to continue, or one of its checkpoints. */
  readonly resume?: string | undefined;
  /** Continues the run in `out`, or begins one if `out` has none. Default false. */
  readonly autoResume?: boolean | undefined;
  /** Removes the run in `out`. Default false: an existing run is an error. */
  readonly overwrite?: boolean | undefined;
  /**
   * Trains a model of the token ids alone that data, validation data and prompts hold; the others' rows of embedding and classifier stay as
   * they are, and checkpoints hold the whole model (docs/topics/training.md). Default false.
   */
  readonly compactVocabulary?: boolean | undefined;
  /**
   * Continues a run although its model, data or tokenizer have changed, which is an error otherwise (`ERR_CHANGED_INPUT`).
   * Default false.
   */
  readonly allowChangedData?: boolean | undefined;
  /** Continues a run with another `precision` than it had, or with another library of `blas`. Default false. */
  readonly allowChangedPrecision?: boolean | undefined;
  /**
   * Computes the largest Σ|a·w| of each kernel (`ranges` of the summary), by repeating every run on a cpu device in this process.
   * Steps take about twice as long. Default false.
   */
  readonly checkRange?: boolean | undefined;
  /** On a Mac: lets the system sleep when it is idle, which a run otherwise prevents while it trains. Default false. */
  readonly allowSleep?: boolean | undefined;
  /**
   * Runs the forward programs of each layer again in the backward pass, so that their outputs need not be kept: less memory, the same bits,
   * and about a third more work. With dynamic weights. Default false.
   */
  readonly recompute?: boolean | undefined;
  /**
   * Shares the optimizer's state out over the ranks: each has the moments of its own tensors, which it updates, and gets the others'
   * parameters from their owners. Less memory, the same bits. With `collective`. Default false.
   */
  readonly shardOptimizer?: boolean | undefined;
  /**
   * The processes that train together, from `openCollective`, which the trainer leaves open: each calls `createTrainer` with the same options
   * and takes its own passes of every step (docs/topics/training.md). Default: this process alone.
   */
  readonly collective?: Collective | undefined;
  /** Called before each canary of the choice of programs, with the canary's name. Default: none. */
  readonly onProgress?: ((text: string) => void) | undefined;
  /** When aborted, rejects the start with its reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

const groups = {
  model: 'Model and data:',
  optimizer: 'Optimizer:',
  workers: 'Workers:',
  output: 'Checkpoints and output:',
};
/** Stored in checkpoints: options that affect the numbers, and the paths of model, data and tokenizer. */
const saved = { saved: true } as const;
/** A resumed run may not change it, because its position in the data depends on it. */
const fixed = { saved: true, fixed: true } as const;

/** Rows under a heading of the command's help. */
const inGroup = <Table extends object>(table: Table, group: string): Table =>
  Object.fromEntries(Object.entries(table).map(([name, row]) => [name, { ...row, group }])) as Table;

const from0 = (value: number) => value >= 0;

/** Upper bound of tokens per window, windows per pass and the like. Larger values are input errors. */
const MOST = 2 ** 24;

/** The pool's options that a checkpoint stores. */
const poolSaved = { precision: { ...poolOptions.precision, ...saved } };

/** The rows of a pool that the trainer opens, under the heading of the command's help. */
const poolRows: AnyOptionTable = Object.fromEntries(
  Object.entries({ ...poolOptions, ...poolSaved } as AnyOptionTable).map(([name, row]) => [
    name,
    { ...row, group: groups.workers },
  ]),
);

const poolBag = bagOf(rulesOf(poolRows)) as Rule<PoolOptions>;

const poolRule: Rule<Pool | PoolOptions> = {
  check: (name, value) => (value instanceof Pool ? value : poolBag.check(name, value)),
  read: poolBag.read,
};

/** The table of `TrainOptions`: one row for library, command, checkpoints and help. */
export const trainOptions = {
  model: {
    ...{
      rule: pathOr<NamedConfig>('a name, a path or the shape of a model', (value) => 'dim' in value),
      default: 'tiny',
      ...saved,
    },
    flag: '--model <model>',
    help: `preset (${Object.keys(presets).join(', ')}), llama2.c FILE.bin, config.json, DIR of a run or of a Hugging Face model`,
    group: groups.model,
  },
  data: {
    ...{ rule: pathOr<TokenStream>('a path or a stream of tokens', isTokenStream), required: true, ...saved },
    flag: '--data <path>',
    help: 'file or folder: text, .jsonl, .parquet, or tokens (.u16, .u32)',
    group: groups.model,
  },
  ...inGroup(dataOptions, groups.model),
  tokenizer: { ...tokenizerOption, ...saved, group: groups.model },
  compactVocabulary: {
    ...{ rule: flag, default: false, ...fixed, flag: '--compact-vocabulary', group: groups.model },
    help: 'train only the token ids that data and prompts contain',
  },
  batch: {
    rule: whole(1, MOST),
    default: 8,
    ...fixed,
    flag: '--batch <n>',
    help: 'windows per pass',
    group: groups.model,
  },
  seq: {
    ...{ rule: whole(1, MOST), defaultText: "128, or the model's context if shorter", ...fixed },
    ...{ flag: '--seq <n>', help: 'tokens per window', group: groups.model },
  },
  order: {
    ...{ rule: oneOf('random', 'sequential', 'shuffled'), default: 'random', ...fixed },
    ...{ defaultText: 'random, with --epochs shuffled', flag: '--order <order>', group: groups.model },
    help: 'windows: random, sequential, or shuffled without replacement',
  },
  epochs: {
    ...{ rule: whole(1, MOST), defaultText: 'as many as --steps takes', ...saved },
    ...{ flag: '--epochs <n>', help: 'how often to train on the data, in place of --steps', group: groups.model },
  },
  seed: {
    ...{ rule: whole(0), default: 0, ...fixed },
    ...{ flag: '--seed <n>', help: 'seed of the first parameters and the order', group: groups.model },
  },
  steps: {
    ...{ rule: whole(1, MOST_STEPS), default: 1000, ...saved },
    ...{ flag: '--steps <n>', help: 'last step, counted from the beginning of the run', group: groups.optimizer },
  },
  accumulate: {
    ...{ rule: whole(1, MOST), default: 1, ...saved },
    ...{ flag: '--accumulate <n>', help: 'passes per step, of each rank', group: groups.optimizer },
  },
  ...optimizerOptions,
  ...validationOptions,
  hostThreads: {
    rule: wholeUpTo(0, threadCapacity),
    ...{ derive: () => Math.min(8, availableParallelism()), defaultText: 'the cores, 8 at most' },
    ...{ flag: '--host-threads <n>', help: 'threads for weight gradients; 0: main thread', group: groups.workers },
  },
  inFlight: {
    ...{ rule: whole(1, MOST), defaultText: 'as many as workers', flag: '--in-flight <n>', group: groups.workers },
    help: 'passes of a step that run at the same time, each in memory of its own',
  },
  pool: { rule: poolRule, members: poolRows },
  weights: {
    ...{ rule: weightsOption.rule, flag: weightsOption.flag, ...saved, group: groups.workers },
    derive: ({ lora }) => (lora === undefined ? 'dynamic' : 'static'),
    defaultText: 'dynamic; with LoRA static',
    help: 'dynamic: written to memory; static: compiled',
  },
  variant: { ...variantOption, ...saved, group: groups.workers },
  classifier: {
    ...{ rule: oneOf('host', 'device'), default: 'host', ...saved, flag: '--classifier <where>' },
    ...{ help: "host, or device: the classifier's products as kernels", group: groups.workers },
  },
  weightGradients: {
    ...{ rule: gradientsRule, default: 'auto', ...saved, flag: '--weight-gradients <where>', group: groups.workers },
    help: 'host, device, or blocks that the device has: attention, feedForward; auto: what a plan for the chip finds best',
  },
  lora: { ...nested<LoraOptions>(loraOptions), ...saved },
  layers: {
    rule: rule<LayersOption>(
      (value) =>
        typeof value === 'function' || (typeof value === 'object' && value !== null && 'blocks' in value)
          ? null
          : 'a definition that defineLayer made, or a function',
      String,
    ),
  },
  freeze: {
    ...{ rule: frozenRule, defaultText: 'nothing', ...fixed, flag: '--freeze <parts>', group: groups.model },
    help: 'parts that are not trained: 0-5,embedding,finalNorm,head',
  },
  checkRange: {
    ...{ rule: flag, default: false, flag: '--check-range', group: groups.workers },
    help: 'print the largest sum of products of each kernel, at half the speed',
  },
  recompute: {
    ...{ rule: flag, default: false, flag: '--recompute', group: groups.workers },
    help: 'keep fewer activations: run forward programs again in the backward pass',
  },
  shardOptimizer: {
    ...{ rule: flag, default: false, agreed: true, flag: '--shard-optimizer', group: groups.workers },
    help: 'with several ranks, each keeps a part of the moments: less memory, the same bits',
  },
  allowSleep: {
    ...{ rule: flag, default: false, flag: '--allow-sleep', group: groups.workers },
    help: 'on a Mac, do not prevent idle sleep while the run trains',
  },
  out: {
    ...{ rule: text, derive: ({ resume }) => resume as string | undefined },
    defaultText: 'runs/<time>, or the folder resumed from',
    ...{ flag: '--out <dir>', help: "the run's folder: checkpoints, log.jsonl, run.yaml", group: groups.output },
  },
  checkpointEvery: {
    ...{ rule: whole(0, MOST_STEPS), default: 0, ...saved },
    ...{ flag: '--checkpoint-every <n>', help: 'steps between checkpoints; 0: none by steps', group: groups.output },
  },
  checkpointMinutes: {
    ...{ rule: number('from 0 up', from0), default: 10, ...saved },
    flag: '--checkpoint-minutes <n>',
    help: 'minutes between checkpoints, or 50 times their writing time if longer; 0: none by time',
    group: groups.output,
  },
  keep: {
    ...{ rule: whole(1), default: 3, ...saved },
    ...{ flag: '--keep <n>', help: 'checkpoints kept', group: groups.output },
  },
  keepEvery: {
    ...{ rule: whole(0, MOST_STEPS), default: 0, ...saved },
    ...{
      flag: '--keep-every <n>',
      help: 'steps between checkpoints that are never removed; 0: none',
      group: groups.output,
    },
  },
  resume: {
    rule: text,
    flag: '--resume <dir>',
    help: 'continue the run of this folder; other options override its own',
    group: groups.output,
  },
  autoResume: {
    ...{ rule: flag, default: false, flag: '--auto-resume' },
    ...{ help: 'continue the run in --out, or begin one if there is none', group: groups.output },
  },
  overwrite: {
    ...{ rule: flag, default: false, flag: '--overwrite' },
    ...{ help: 'remove the run in --out', group: groups.output },
  },
  allowChangedData: {
    ...{ rule: flag, default: false, agreed: true, flag: '--allow-changed-data' },
    ...{ help: 'resume although model, data or tokenizer have changed', group: groups.output },
  },
  allowChangedPrecision: {
    ...{ rule: flag, default: false, agreed: true, flag: '--allow-changed-precision' },
    ...{ help: 'resume with another --precision, or another library of blas', group: groups.output },
  },
  collective: { rule: object<Collective>() },
  onProgress: { rule: callback<NonNullable<TrainOptions['onProgress']>>() },
  signal: { rule: abortSignal },
} as const satisfies OptionTable<TrainOptions>;

/** The names of the rows that a checkpoint keeps. */
type SavedName = {
  [Name in keyof typeof trainOptions]: (typeof trainOptions)[Name] extends { readonly saved: true } ? Name : never;
}[keyof typeof trainOptions];

/** The options that a checkpoint stores, without derived ones, which a resumed run derives again. */
export type SavedTrainOptions = Partial<Pick<FilledTrainOptions, SavedName>> & SavedPrecision;

/** Options with names in place of the objects for model, data and pool, so that they can be stored. */
export type PlainTrainOptions = Omit<TrainOptions, 'model' | 'data' | 'validation' | 'pool'> & {
  readonly model?: string | undefined;
  readonly data?: string | undefined;
  readonly validation?: string | number | undefined;
  readonly pool?: PoolOptions | undefined;
};

/** Every option with a value, except those without a default, whose absence means something. Model and data are their names. */
export type FilledTrainOptions = {
  readonly [Name in Exclude<
    keyof TrainOptions,
    | 'model'
    | 'data'
    | 'validation'
    | 'pool'
    | 'sample'
    | 'lora'
    | 'layers'
    | 'freeze'
    | 'tokenizer'
    | 'out'
    | 'resume'
    | 'signal'
    | 'collective'
    | 'dataFormat'
    | 'dataColumn'
    | 'epochs'
    | 'inFlight'
  >]-?: NonNullable<TrainOptions[Name]>;
} & {
  readonly [Name in
    | 'sample'
    | 'layers'
    | 'freeze'
    | 'tokenizer'
    | 'out'
    | 'resume'
    | 'signal'
    | 'collective'
    | 'dataFormat'
    | 'dataColumn'
    | 'epochs'
    | 'inFlight']: TrainOptions[Name];
} & {
  readonly model: string;
  readonly data: string;
  readonly validation: string | number | undefined;
  readonly lora: LoraSettings | undefined;
  /** The given options and the precision; for a given pool its device and precision. */
  readonly pool: PoolOptions & { readonly precision: Precision };
  /** Where each value comes from. */
  readonly origins: { readonly [Name in keyof TrainOptions]?: OptionOrigin };
};

/** `seq` takes its default from the model. */
export type ResolvedTrainOptions = Omit<FilledTrainOptions, 'seq'> & { readonly seq: number | undefined };
