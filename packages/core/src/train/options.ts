import { availableParallelism } from 'node:os';
import { invalidArgument, type Precision } from '@mayfly/native';
import { abortSignal, bagOf, flag, number, numberOr, oneOf, pair, type Rule, rule, text, whole } from '../check.js';
import type { TokenStream } from '../data/token-stream.js';
import { threadCapacity, wholeUpTo } from '../machine/capacity.js';
import { type ModelConfig, presets } from '../model/config.js';
import { type AnyOptionTable, type OptionOrigins, type OptionTable, resolveOptions, rulesOf } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { type PoolOptions, poolOptions } from '../pool/pool-options.js';
import type { FrozenPart, LayersOption } from './layer-plan.js';
import { isTokenStream, pathOr, tokenizerOption, weightsOption } from './shared-options.js';

/** A model's shape and what logs call it. */
export interface NamedConfig extends ModelConfig {
  readonly name?: string | undefined;
}

/** How to train. What is left out takes its default, or on resuming the value of the run that is resumed. */
export interface TrainOptions {
  /**
   * A preset, a llama2.c checkpoint, a folder of Hugging Face's transformers, or a run of Mayfly; or a shape to train from scratch,
   * by its `name` in logs (default `custom`). Default `tiny`.
   */
  readonly model?: string | NamedConfig | undefined;
  /** A text file, a folder of text files, or a `.u16` token stream; or tokens at hand, which the trainer leaves open. */
  readonly data?: string | TokenStream | undefined;
  /** `bytes`, a vocabulary file of llama2.c or a `tokenizer.json`. Default: the model's own. */
  readonly tokenizer?: string | undefined;
  /**
   * A pool of `createPool`, which the trainer leaves open; or the options of a pool of its own, whose arena it sizes. Host math has
   * the pool's `precision`, which a resumed run takes from its checkpoint.
   */
  readonly pool?: Pool | PoolOptions | undefined;
  /** Whether weights are part of the kernels' input, or constants that every update compiles anew. Default `dynamic`. */
  readonly weights?: 'dynamic' | 'static' | undefined;
  /**
   * What each layer is: a definition of `defineLayer` for all, or a function that is called with a layer's index, from 0, and returns
   * `{ definition, weights }` (docs/layers.md). A resumed run needs the same again. Default: the decoder's own layer.
   */
  readonly layers?: LayersOption | undefined;
  /** Parts that stay as they are: layers by their index, `embedding`, `finalNorm`, `head`. Default: none. */
  readonly freeze?: readonly FrozenPart[] | undefined;
  /** Threads that compute weight gradients beside the main thread; 0 computes them on it. Default: the cores, 8 at most. */
  readonly hostThreads?: number | undefined;
  /** Windows per forward pass. Default 8. */
  readonly batch?: number | undefined;
  /** Tokens per window. Default 128, or the model's context if that is shorter. */
  readonly seq?: number | undefined;
  /** Last step of the run, counted from its beginning. Default 1000. */
  readonly steps?: number | undefined;
  /** Forward and backward passes per step; the loss is the mean over all of their targets. Default 1. */
  readonly accumulate?: number | undefined;
  /** Highest learning rate. Default 1e-3. */
  readonly lr?: number | undefined;
  /** Optimizer steps of linear warm-up. Default 0. */
  readonly warmup?: number | undefined;
  /** Default `constant`. */
  readonly schedule?: 'constant' | 'cosine' | undefined;
  /** Learning rate at the end of a cosine. Default: a tenth of `lr`. */
  readonly minLr?: number | undefined;
  /** Default [0.9, 0.95]. */
  readonly betas?: readonly [number, number] | undefined;
  /** Default 1e-8. */
  readonly eps?: number | undefined;
  /** Decoupled; not applied to norms. Default 0.1. */
  readonly weightDecay?: number | undefined;
  /** Largest global gradient norm; 0 does not clip. Default 1. */
  readonly clip?: number | undefined;
  /** A constant, or `dynamic`. Default 1024. */
  readonly lossScale?: number | 'dynamic' | undefined;
  /**
   * Steps in a row without a finite loss, or whose gradients overflow at the lowest loss scale, after which the run ends with
   * `ERR_DIVERGED`. Default 10 (fairseq and DeepSpeed end at the first; a single odd window is no divergence).
   */
  readonly maxSkips?: number | undefined;
  /** Windows at random offsets, or one after another. Default `random`. */
  readonly order?: 'random' | 'sequential' | undefined;
  /** Of the initial parameters and of the order. Default 0. */
  readonly seed?: number | undefined;
  /** The run's folder (docs/runs.md). Default: none, and no checkpoint or log is written; on resuming the folder resumed from. */
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
  /** Steps whose checkpoints are written and stay for good, beside those: multiples of this; 0: none. Default 0. */
  readonly keepEvery?: number | undefined;
  /** Folder of the run to go on with, or one of its checkpoints. */
  readonly resume?: string | undefined;
  /** Goes on with the run in `out`, where one is there; begins it where none is. Default false. */
  readonly autoResume?: boolean | undefined;
  /** Removes the run that is in `out`. Default false: that is an error. */
  readonly overwrite?: boolean | undefined;
  /**
   * Goes on with a run although its model, data or tokenizer have changed, which is an error otherwise (`ERR_CHANGED_INPUT`).
   * Default false.
   */
  readonly allowChangedData?: boolean | undefined;
  /**
   * Computes the largest Σ|a·w| of each kernel (`ranges` of the summary): with every run once more on a cpu device in this process,
   * so that steps take about twice as long. Default false.
   */
  readonly checkRange?: boolean | undefined;
  /** Ends the start when it is aborted, with its reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

const groups = {
  model: 'Model and data:',
  optimizer: 'Optimizer:',
  workers: 'Workers:',
  output: 'Checkpoints and output:',
};
/** Kept in checkpoints: what changes the numbers, and where to find what they are about. */
const saved = { saved: true } as const;
/** A resumed run may not change it: its place in the data would lose its meaning. */
const fixed = { saved: true, fixed: true } as const;

const above0 = (value: number) => value > 0;
const from0 = (value: number) => value >= 0;

/** The most tokens of a window, windows of a pass and the like: beyond it lie mistakes, not models. */
const MOST = 2 ** 24;
const MOST_STEPS = 1e12;

/** What a checkpoint keeps of the pool's options. */
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
    help: `preset (${Object.keys(presets).join(', ')}), llama2.c FILE.bin, DIR of a run or of a Hugging Face model`,
    group: groups.model,
  },
  data: {
    ...{ rule: pathOr<TokenStream>('a path or a stream of tokens', isTokenStream), required: true, ...saved },
    flag: '--data <path>',
    help: 'text file, folder of text files, or token stream (FILE.u16)',
    group: groups.model,
  },
  tokenizer: { ...tokenizerOption, ...saved, group: groups.model },
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
    ...{ rule: oneOf('random', 'sequential'), default: 'random', ...fixed },
    ...{ flag: '--order <order>', help: 'windows: random or sequential', group: groups.model },
  },
  seed: {
    ...{ rule: whole(0), default: 0, ...fixed },
    ...{ flag: '--seed <n>', help: 'of the first parameters and the order', group: groups.model },
  },
  steps: {
    ...{ rule: whole(1, MOST_STEPS), default: 1000, ...saved },
    ...{ flag: '--steps <n>', help: 'last step, counted from the beginning of the run', group: groups.optimizer },
  },
  accumulate: {
    ...{ rule: whole(1, MOST), default: 1, ...saved },
    ...{ flag: '--accumulate <n>', help: 'passes per step', group: groups.optimizer },
  },
  lr: {
    ...{ rule: number('above 0', above0), default: 1e-3, ...saved },
    ...{ flag: '--lr <x>', help: 'highest learning rate', group: groups.optimizer },
  },
  warmup: {
    ...{ rule: whole(0, MOST_STEPS), default: 0, ...saved },
    ...{ flag: '--warmup <n>', help: 'steps of linear warm-up', group: groups.optimizer },
  },
  schedule: {
    ...{ rule: oneOf('constant', 'cosine'), default: 'constant', ...saved },
    ...{ flag: '--schedule <name>', help: 'constant or cosine', group: groups.optimizer },
  },
  minLr: {
    ...{
      rule: number('from 0 up', from0),
      derive: ({ lr }) => Number(lr) / 10,
      defaultText: 'a tenth of --lr',
      ...saved,
    },
    ...{ flag: '--min-lr <x>', help: 'learning rate at the end of a cosine', group: groups.optimizer },
  },
  betas: {
    rule: pair('from 0 up to, but less than, 1', (beta) => beta >= 0 && beta < 1),
    ...{ default: [0.9, 0.95], ...saved },
    ...{ flag: '--betas <a,b>', help: "AdamW's", group: groups.optimizer },
  },
  eps: {
    ...{ rule: number('above 0', above0), default: 1e-8, ...saved },
    ...{ flag: '--eps <x>', help: "AdamW's", group: groups.optimizer },
  },
  weightDecay: {
    ...{ rule: number('from 0 up', from0), default: 0.1, ...saved },
    ...{ flag: '--weight-decay <x>', help: 'decoupled; not on norms', group: groups.optimizer },
  },
  clip: {
    ...{ rule: number('from 0 up', from0), default: 1, ...saved },
    ...{ flag: '--clip <x>', help: 'largest global gradient norm; 0: any', group: groups.optimizer },
  },
  lossScale: {
    ...{ rule: numberOr('dynamic', 'above 0', above0), default: 1024, ...saved },
    ...{ flag: '--loss-scale <x>', help: 'a number, or dynamic', group: groups.optimizer },
  },
  maxSkips: {
    ...{ rule: whole(1), default: 10, ...saved },
    ...{
      flag: '--max-skips <n>',
      help: 'skipped steps in a row that end the run as diverged',
      group: groups.optimizer,
    },
  },
  hostThreads: {
    rule: wholeUpTo(0, threadCapacity),
    ...{ derive: () => Math.min(8, availableParallelism()), defaultText: 'the cores, 8 at most' },
    ...{ flag: '--host-threads <n>', help: 'threads for weight gradients; 0: the main one', group: groups.workers },
  },
  pool: { rule: poolRule, members: poolRows },
  weights: { ...weightsOption, ...saved, help: 'dynamic: written to memory; static: compiled', group: groups.workers },
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
    rule: rule<readonly FrozenPart[]>(
      (value) =>
        Array.isArray(value) && value.every((part) => typeof part === 'string' || Number.isSafeInteger(part))
          ? null
          : 'a list of layers, embedding, finalNorm and head',
      (given) => given.split(',').map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
    ),
    ...fixed,
  },
  checkRange: {
    ...{ rule: flag, default: false, flag: '--check-range', group: groups.workers },
    help: 'print the largest sum of products of each kernel, at half the speed',
  },
  out: {
    ...{ rule: text, derive: ({ resume }) => resume as string | undefined },
    defaultText: 'runs/<time>, or the folder resumed from',
    ...{ flag: '--out <dir>', help: "the run's folder: checkpoints, log.jsonl, run.yaml", group: groups.output },
  },
  checkpointEvery: {
    ...{ rule: whole(0, MOST_STEPS), default: 0, ...saved },
    ...{ flag: '--checkpoint-every <n>', help: 'steps; 0: none by steps', group: groups.output },
  },
  checkpointMinutes: {
    ...{ rule: number('from 0 up', from0), default: 10, ...saved },
    flag: '--checkpoint-minutes <n>',
    help: 'minutes, or 50 times what writing one takes if that is more; 0: none by time',
    group: groups.output,
  },
  keep: {
    ...{ rule: whole(1), default: 3, ...saved },
    ...{ flag: '--keep <n>', help: 'checkpoints kept', group: groups.output },
  },
  keepEvery: {
    ...{ rule: whole(0, MOST_STEPS), default: 0, ...saved },
    ...{ flag: '--keep-every <n>', help: 'steps whose checkpoints stay for good; 0: none', group: groups.output },
  },
  resume: {
    rule: text,
    flag: '--resume <dir>',
    help: 'go on with the run of this folder; other options override its own',
    group: groups.output,
  },
  autoResume: {
    ...{ rule: flag, default: false, flag: '--auto-resume' },
    ...{ help: 'go on with the run in --out where one is there, begin it where none is', group: groups.output },
  },
  overwrite: {
    ...{ rule: flag, default: false, flag: '--overwrite' },
    ...{ help: 'remove the run that is in --out', group: groups.output },
  },
  allowChangedData: {
    ...{ rule: flag, default: false, flag: '--allow-changed-data' },
    ...{ help: 'resume although model, data or tokenizer have changed', group: groups.output },
  },
  signal: { rule: abortSignal },
} as const satisfies OptionTable<TrainOptions>;

/** The names of the rows that a checkpoint keeps. */
type SavedName = {
  [Name in keyof typeof trainOptions]: (typeof trainOptions)[Name] extends { readonly saved: true } ? Name : never;
}[keyof typeof trainOptions];

/** What a checkpoint keeps of the options: not those that are derived from others, which a resumed run derives again. */
export type SavedTrainOptions = Partial<Pick<FilledTrainOptions, SavedName>> & { readonly precision?: Precision };

/** Options without a default value, whose absence means something. */
export type OptionalTrainOption = 'layers' | 'freeze' | 'tokenizer' | 'out' | 'resume' | 'signal';

/** Options in which model, data and a given pool are named, so that they can be written down. */
export type PlainTrainOptions = Omit<TrainOptions, 'model' | 'data' | 'pool'> & {
  readonly model?: string | undefined;
  readonly data?: string | undefined;
  readonly pool?: PoolOptions | undefined;
};

/** Every option with a value but for those whose absence means something. */
export type FilledTrainOptions = {
  readonly [Name in Exclude<keyof TrainOptions, OptionalTrainOption | 'pool'>]-?: NonNullable<PlainTrainOptions[Name]>;
} & {
  readonly [Name in OptionalTrainOption]: TrainOptions[Name];
} & {
  /** Those that were given, and the precision; of a given pool its device and precision. */
  readonly pool: PoolOptions & { readonly precision: Precision };
  /** Where each value comes from. */
  readonly origins: OptionOrigins<TrainOptions>;
};

/** `seq` takes its default from the model. */
export type ResolvedTrainOptions = Omit<FilledTrainOptions, 'seq'> & { readonly seq: number | undefined };

/** Names the objects among the options. */
export function plainTrainOptions({ model, data, pool, ...rest }: TrainOptions): PlainTrainOptions {
  return {
    ...rest,
    model: typeof model === 'object' ? (model.name ?? 'custom') : model,
    data: typeof data === 'object' ? data.source : data,
    pool: pool instanceof Pool ? { device: pool.device, precision: pool.precision } : pool,
  };
}

/** Checks the user's options and fills in those of the run that is resumed, then the defaults. */
export function resolveTrainOptions(
  given: PlainTrainOptions,
  { resumed: { precision = 'exact', ...resumed } = {} }: { readonly resumed?: SavedTrainOptions } = {},
): ResolvedTrainOptions {
  const { options, origins } = resolveOptions('createTrainer', trainOptions, given, { resumed });
  poolOptions.precision.rule.check('precision', precision);
  const filled = {
    ...options,
    ...{ pool: { ...given.pool, precision: given.pool?.precision ?? precision }, origins },
  } as ResolvedTrainOptions;
  const { lr, minLr, schedule, warmup, steps } = filled;
  if (minLr > lr) throw invalidArgument('minLr', `a number from 0 to lr ${lr}`, minLr);
  if (schedule === 'cosine' && warmup >= steps) {
    throw invalidArgument('warmup', `fewer than the ${steps} steps of a cosine`, warmup);
  }
  return filled;
}

/** What a checkpoint keeps of a run's options. */
export function savedTrainOptions(options: FilledTrainOptions): SavedTrainOptions {
  const kept = Object.entries(trainOptions as AnyOptionTable).filter(
    ([name, row]) =>
      row.saved && !(row.derive !== undefined && options.origins[name as keyof TrainOptions] === 'derived'),
  );
  const { precision } = options.pool;
  return { ...Object.fromEntries(kept.map(([name]) => [name, options[name as keyof FilledTrainOptions]])), precision };
}
