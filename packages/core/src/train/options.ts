import { invalidArgument, type Precision } from '@mayfly/native';
import type { Budget } from '../pool/worker/budget.js';

/** How to train. What is left out takes its default, or on resuming the value of the run that is resumed. */
export interface TrainOptions {
  /** A preset, a llama2.c checkpoint, a folder of Hugging Face's transformers, or a run of Mayfly. Default `tiny`. */
  readonly model?: string | undefined;
  /** A text file, a folder of text files, or a `.u16` token stream. */
  readonly data?: string | undefined;
  /** `bytes`, a vocabulary file of llama2.c or a `tokenizer.json`. Default: the model's own, else `bytes`. */
  readonly tokenizer?: string | undefined;
  /** Default `auto`. */
  readonly device?: string | undefined;
  /** Processes that evaluate kernels. Default 1. */
  readonly workers?: number | undefined;
  /** Started processes kept ready to take over. Default 1. */
  readonly standby?: number | undefined;
  /** Threads of each worker's device. Default: the machine's cores divided by `workers`. */
  readonly threads?: number | undefined;
  /** Of matrix products, the cpu device's and host math's; `fast` rounds operands to bf16 where that is faster. Default `exact`. */
  readonly precision?: Precision | undefined;
  /** Whether weights are part of the kernels' input, or constants that every update compiles anew. Default `dynamic`. */
  readonly weights?: 'dynamic' | 'static' | undefined;
  /** Compilations after which a worker retires. Default: the pool's. */
  readonly retireAfter?: number | undefined;
  /** Further limits of a worker. */
  readonly budget?: Partial<Budget> | undefined;
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
  /** Folder for checkpoints. Default: none are written, or on resuming the folder resumed from. */
  readonly out?: string | undefined;
  /** Steps from one checkpoint to the next, beside the one at the end; 0 writes only that. Default 0. */
  readonly checkpointEvery?: number | undefined;
  /** Checkpoints kept; older ones are removed. Default 3. */
  readonly keep?: number | undefined;
  /** Folder of the run to go on with. */
  readonly resume?: string | undefined;
}

/** Options that a checkpoint keeps: those which change the numbers, and where to find what they are about. */
export const savedOptions = [
  'model',
  'data',
  'tokenizer',
  'precision',
  'weights',
  'batch',
  'seq',
  'steps',
  'accumulate',
  'lr',
  'warmup',
  'schedule',
  'minLr',
  'betas',
  'eps',
  'weightDecay',
  'clip',
  'lossScale',
  'maxSkips',
  'order',
  'seed',
  'checkpointEvery',
  'keep',
] as const satisfies readonly (keyof TrainOptions)[];

/** A resumed run may not change these: its place in the data would lose its meaning. */
const fixedOnResume = ['model', 'batch', 'seq', 'order', 'seed'] as const;

export type SavedTrainOptions = Pick<FilledTrainOptions, (typeof savedOptions)[number]>;

type Optional = 'tokenizer' | 'threads' | 'retireAfter' | 'budget' | 'out' | 'resume';

/** Every option with a value but for those whose absence means something. */
export type FilledTrainOptions = {
  readonly [Name in Exclude<keyof TrainOptions, Optional>]-?: NonNullable<TrainOptions[Name]>;
} & {
  readonly [Name in Optional]: TrainOptions[Name];
};

/** `seq` takes its default from the model. */
export type ResolvedTrainOptions = Omit<FilledTrainOptions, 'seq'> & { readonly seq: number | undefined };

/** Checks the user's options and fills in those of the run that is resumed, then the defaults. */
export function resolveTrainOptions(
  given: TrainOptions,
  cores: number,
  saved?: SavedTrainOptions,
): ResolvedTrainOptions {
  if (saved !== undefined) assertResumable(given, saved);
  const o = { ...saved, ...withoutUndefined(given) };
  const lr = o.lr ?? 1e-3;
  const options: ResolvedTrainOptions = {
    model: text('model', o.model ?? 'tiny'),
    data: text('data', o.data),
    tokenizer: o.tokenizer,
    device: text('device', o.device ?? 'auto'),
    workers: whole('workers', o.workers ?? 1, 1),
    standby: whole('standby', o.standby ?? 1, 0),
    threads: o.threads === undefined ? undefined : whole('threads', o.threads, 1),
    precision: oneOf('precision', o.precision ?? 'exact', ['exact', 'fast']),
    weights: oneOf('weights', o.weights ?? 'dynamic', ['dynamic', 'static']),
    retireAfter: o.retireAfter === undefined ? undefined : whole('retireAfter', o.retireAfter, 1),
    budget: o.budget,
    hostThreads: whole('hostThreads', o.hostThreads ?? Math.min(8, cores), 0),
    batch: whole('batch', o.batch ?? 8, 1),
    seq: o.seq === undefined ? undefined : whole('seq', o.seq, 1),
    steps: whole('steps', o.steps ?? 1000, 1),
    accumulate: whole('accumulate', o.accumulate ?? 1, 1),
    lr: number('lr', lr, 'above 0', (value) => value > 0),
    warmup: whole('warmup', o.warmup ?? 0, 0),
    schedule: oneOf('schedule', o.schedule ?? 'constant', ['constant', 'cosine']),
    minLr: number('minLr', o.minLr ?? lr / 10, `from 0 to lr ${lr}`, (value) => value >= 0 && value <= lr),
    betas: betas(o.betas ?? [0.9, 0.95]),
    eps: number('eps', o.eps ?? 1e-8, 'above 0', (value) => value > 0),
    weightDecay: number('weightDecay', o.weightDecay ?? 0.1, 'from 0 up', (value) => value >= 0),
    clip: number('clip', o.clip ?? 1, 'from 0 up', (value) => value >= 0),
    lossScale: lossScale(o.lossScale ?? 1024),
    maxSkips: whole('maxSkips', o.maxSkips ?? 10, 1),
    order: oneOf('order', o.order ?? 'random', ['random', 'sequential']),
    seed: whole('seed', o.seed ?? 0, 0),
    out: o.out ?? o.resume,
    checkpointEvery: whole('checkpointEvery', o.checkpointEvery ?? 0, 0),
    keep: whole('keep', o.keep ?? 3, 1),
    resume: o.resume,
  };
  if (options.schedule === 'cosine' && options.warmup >= options.steps) {
    throw invalidArgument('warmup', `fewer than the ${options.steps} steps of a cosine`, options.warmup);
  }
  return options;
}

function assertResumable(given: TrainOptions, saved: SavedTrainOptions): void {
  for (const name of fixedOnResume) {
    const value = given[name];
    if (value === undefined || value === saved[name]) continue;
    throw invalidArgument(name, `${saved[name]} as in the run that is resumed`, value);
  }
}

function withoutUndefined(options: TrainOptions): TrainOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function whole(name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw invalidArgument(name, `a whole number from ${least} up`, value);
}

function number(name: string, value: unknown, range: string, inRange: (value: number) => boolean): number {
  if (typeof value === 'number' && Number.isFinite(value) && inRange(value)) return value;
  throw invalidArgument(name, `a number ${range}`, value);
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidArgument(name, 'a name or path', value);
}

function oneOf<Choice extends string>(name: string, value: unknown, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw invalidArgument(name, choices.join(' or '), value);
}

function betas(value: readonly number[]): [number, number] {
  const inRange = (beta: number | undefined) => beta !== undefined && beta >= 0 && beta < 1;
  const [first, second] = value;
  if (value.length === 2 && inRange(first) && inRange(second)) return [first!, second!];
  throw invalidArgument('betas', 'two numbers from 0 up to, but less than, 1', value);
}

function lossScale(value: unknown): number | 'dynamic' {
  return value === 'dynamic' ? value : number('lossScale', value, 'above 0, or dynamic', (scale) => scale > 0);
}
