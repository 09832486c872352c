import type { ChipProfile } from '@mayfly/native';
import { flag as flagRule, milliseconds, object, oneOf, whole } from '../check.js';
import type { ModelConfig } from '../model/config.js';
import type { OptionTable } from '../option-table.js';
import type { ProgramForm } from '../programs/form.js';
import { gradientsRule } from '../programs/gradient-option.js';
import type { LayerDefinition } from '../programs/layer-graph.js';
import type { HostProducts } from './timed-step.js';

/** `reloaded` are static weights that are replaced without compiling (`docs/internals/ane.md`), where the chip lets them. */
export type WeightStrategy = 'dynamic' | 'static' | 'reloaded';

/** Where the classifier's products run. */
export type Classifier = 'host' | 'device';

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
  readonly classifier?: Classifier | undefined;
  /** Where weight gradients of layers are made: `host`, `device`, or the names of blocks that the device has. Default: `host`. */
  readonly weightGradients?: string | undefined;
  /** Passes per update. Default: 1. */
  readonly accumulate?: number | undefined;
  /** Processes that run passes in flight: each runs whole passes, or of static weights and adapters its share of the layers. Default: as few as hold the programs. */
  readonly workers?: number | undefined;
  /** Passes of a step that run at the same time, `accumulate` at most. Default: as many as `workers`; 1 where these are left out. */
  readonly inFlight?: number | undefined;
  /** Leaves out the update, as most figures of other trainers do. Default: false. */
  readonly withoutUpdate?: boolean | undefined;
  /**
   * What computes the host's products: `exact` and `fast` are Mayfly's own loops, `blas` is Accelerate. Default: `auto`, which on Apple's
   * chips is `blas`, as in a run on a Mac.
   */
  readonly precision?: HostProducts | 'auto';
  /** Compilations after which a worker retires. Default: 100. */
  readonly retireAfter?: number;
  /** Pause between a worker's exit and the next start. Default: 1500 ms, as the pool's. */
  readonly settleMs?: number;
}

const hostProducts: readonly (HostProducts | 'auto')[] = ['auto', 'exact', 'fast', 'blas'];
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
  weightGradients: {
    ...{ rule: gradientsRule, default: 'host', flag: '--weight-gradients <where>' },
    help: 'host, device, or blocks that the device has: attention, feedForward',
  },
  accumulate: { rule: whole(1, 2 ** 24), default: 1, flag: '--accumulate <n>', help: 'passes per step' },
  workers: {
    ...{ rule: whole(1, 2 ** 10), defaultText: 'as few as hold the programs', flag: '--workers <n>' },
    help: 'processes that run kernels, for passes in flight',
  },
  inFlight: {
    ...{ rule: whole(1, 2 ** 24), defaultText: 'as many as workers', flag: '--in-flight <n>' },
    help: 'passes of a step that run at the same time',
  },
  withoutUpdate: {
    ...{ rule: flagRule, default: false, flag: '--without-update' },
    help: 'leave out the update, as most figures of other trainers do',
  },
  precision: {
    ...{ rule: oneOf(...hostProducts), default: 'auto', flag: '--precision <kind>' },
    help: "the host's matrix products: exact, fast (Mayfly's own), blas (Accelerate's) or auto, as a Mac takes it: blas",
  },
  retireAfter: {
    ...{ rule: whole(1), default: 100 },
    ...{ flag: '--retire-after <n>', help: 'compilations after which a worker retires' },
  },
  settleMs: { rule: milliseconds(0), default: 1500 },
} as const satisfies OptionTable<PlanOptions>;
