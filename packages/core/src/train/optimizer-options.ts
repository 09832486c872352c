import { invalidArgument } from '@mayfly/native';
import { number, numberOr, oneOf, pair, whole } from '../check.js';
import type { MuonScale } from '../decoder/optimizer.js';
import { groupsRule, type ParameterGroup } from '../decoder/parameter-groups.js';
import type { OptionTable } from '../option-table.js';
import { MOST_STEPS, type Schedule, type ScheduleName, scheduleNames } from './schedules.js';

/** Options of training about the update of the parameters. */
export interface OptimizerOptions {
  /** Highest learning rate. Default 1e-3. */
  readonly lr?: number | undefined;
  /** Optimizer steps of linear warm-up. Default 0. */
  readonly warmup?: number | undefined;
  /**
   * The learning rate after the warm-up: constant; half a cosine, or a line, down to `minLr` at the last step; or `wsd` (warm-up, stable,
   * decay): constant, then a line down to `minLr` in the last `decayShare` of the steps. Default `constant`.
   */
  readonly schedule?: ScheduleName | undefined;
  /** Share of the steps in which the schedule `wsd` decays. Default 0.2 (Hägele et al. 2024). */
  readonly decayShare?: number | undefined;
  /** Learning rate at the end of a schedule that falls. Default: a tenth of `lr`. */
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
  /**
   * `muon` updates the matrices of layers by Muon (Jordan et al. 2024), which keeps one moment and makes its direction orthogonal, and the
   * rest by AdamW. Default `adamw`.
   */
  readonly optimizer?: 'adamw' | 'muon' | undefined;
  /** Decay of Muon's moment. Default 0.95. */
  readonly muonMomentum?: number | undefined;
  /**
   * Size of Muon's update: `match-rms`, 0.2·√max(rows, columns), which is that of AdamW's, so that one rate serves both (Liu et al.
   * 2025); `original`, √max(1, rows/columns). Default `match-rms`.
   */
  readonly muonScale?: MuonScale | undefined;
  /** Parameters with rates of their own. Default: none. */
  readonly groups?: readonly ParameterGroup[] | undefined;
}

const group = 'Optimizer:';
const saved = { saved: true } as const;
const above0 = (value: number) => value > 0;
const from0 = (value: number) => value >= 0;

/** The table of `OptimizerOptions`. */
export const optimizerOptions = {
  lr: {
    ...{ rule: number('above 0', above0), default: 1e-3, ...saved },
    ...{ flag: '--lr <x>', help: 'highest learning rate', group },
  },
  warmup: {
    ...{ rule: whole(0, MOST_STEPS), default: 0, ...saved },
    ...{ flag: '--warmup <n>', help: 'steps of linear warm-up', group },
  },
  schedule: {
    ...{ rule: oneOf(...scheduleNames), default: 'constant', ...saved },
    ...{ flag: '--schedule <name>', help: scheduleNames.join(', '), group },
  },
  decayShare: {
    ...{ rule: number('above 0, 1 at most', (share) => share > 0 && share <= 1), default: 0.2, ...saved },
    ...{ flag: '--decay-share <x>', help: 'share of the steps in which wsd decays', group },
  },
  minLr: {
    ...{
      rule: number('from 0 up', from0),
      derive: ({ lr }) => Number(lr) / 10,
      defaultText: 'a tenth of --lr',
      ...saved,
    },
    ...{ flag: '--min-lr <x>', help: 'learning rate at the end of cosine, linear and wsd', group },
  },
  betas: {
    rule: pair('from 0 up to, but less than, 1', (beta) => beta >= 0 && beta < 1),
    ...{ default: [0.9, 0.95], ...saved },
    ...{ flag: '--betas <a,b>', help: 'decay of the two moments of AdamW', group },
  },
  eps: {
    ...{ rule: number('above 0', above0), default: 1e-8, ...saved },
    ...{ flag: '--eps <x>', help: 'epsilon of AdamW', group },
  },
  weightDecay: {
    ...{ rule: number('from 0 up', from0), default: 0.1, ...saved },
    ...{ flag: '--weight-decay <x>', help: 'decoupled weight decay, not applied to norms', group },
  },
  clip: {
    ...{ rule: number('from 0 up', from0), default: 1, ...saved },
    ...{ flag: '--clip <x>', help: 'largest global gradient norm; 0: do not clip', group },
  },
  lossScale: {
    ...{ rule: numberOr('dynamic', 'above 0', above0), default: 1024, ...saved },
    ...{ flag: '--loss-scale <x>', help: 'a number, or dynamic', group },
  },
  maxSkips: {
    ...{ rule: whole(1), default: 10, ...saved },
    ...{
      flag: '--max-skips <n>',
      help: 'skipped steps in a row that end the run as diverged',
      group,
    },
  },
  optimizer: {
    ...{ rule: oneOf('adamw', 'muon'), default: 'adamw', saved: true, fixed: true, flag: '--optimizer <name>', group },
    help: 'adamw, or muon: Muon for the matrices of layers, AdamW for the rest',
  },
  muonMomentum: {
    ...{ rule: number('from 0 up to, but less than, 1', (beta) => beta >= 0 && beta < 1), default: 0.95, ...saved },
    ...{ flag: '--muon-momentum <x>', help: "decay of Muon's moment", group },
  },
  muonScale: {
    ...{ rule: oneOf('match-rms', 'original'), default: 'match-rms', ...saved, flag: '--muon-scale <name>', group },
    help: "size of Muon's update: match-rms (that of AdamW) or original",
  },
  groups: {
    ...{ rule: groupsRule, default: [], defaultText: 'none', saved: true, fixed: true, flag: '--groups <json>', group },
    help: 'parameters with rates of their own: [{"parameters":"embedding","lr":0.1,"weightDecay":0}]',
  },
} as const satisfies OptionTable<OptimizerOptions>;

/** @throws `ERR_INVALID_ARGUMENT` for a schedule that leaves no step to fall in, or rises. */
export function expectPossibleSchedule({ lr, minLr, schedule, warmup, steps }: Schedule): void {
  if (minLr > lr) throw invalidArgument('minLr', `a number from 0 to lr ${lr}`, minLr);
  if (schedule === 'constant' || warmup < steps) return;
  throw invalidArgument('warmup', `fewer than the ${steps} steps of the schedule ${schedule}`, warmup);
}
