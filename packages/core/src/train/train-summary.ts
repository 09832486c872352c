import type { StepWork } from '../chips/step-work.js';
import type { Activity } from '../decoder/activities.js';
import type { PoolStats } from '../pool/types.js';
import type { KernelRange } from './range-check.js';
import type { StepCounts } from './train-step.js';
import type { BestEvaluation } from './validation.js';
import type { WholeVocabularyLoss } from './whole-vocabulary-loss.js';

/** Why a run ended; `running` before it did. `patience`: the evaluations without a lower loss used it up. */
export type EndReason = 'running' | 'finished' | 'patience' | 'aborted' | 'failed';

/** What went between the ranks of a run, as this rank saw it. */
export interface ExchangeSummary {
  /** Number of processes. */
  readonly ranks: number;
  /** Bytes that this rank sent, a step: gradients, losses and, where moments are shared out, parameters. */
  readonly sentBytesPerStep: number;
  /** Milliseconds of a step in which something was exchanged. */
  readonly msPerStep: number;
  /** The share of that time in which this rank had other work, from 0 to 1; it waits for slower ranks in the rest, too. */
  readonly hiddenShare: number;
}

/** The closing table of a run. Times are milliseconds, sums since the trainer was made. */
export interface TrainSummary {
  readonly reason: EndReason;
  /** The last step, counted from the beginning of the run. */
  readonly lastStep: number;
  /** Steps of this trainer; fewer than `lastStep` in a run that was resumed. */
  readonly stepsRun: number;
  /** Updates of the parameters since the beginning of the run: `lastStep` less the steps that were skipped. */
  readonly updates: number;
  /** Steps whose gradients overflowed. */
  readonly skipped: number;
  /** Loss of the last step. */
  readonly loss: number | null;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly msPerStep: number;
  readonly wallMs: number;
  readonly dispatches: number;
  readonly compilations: number;
  /** The work of the last step, as `mayfly plan` counts it; null before the first. */
  readonly stepWork: StepWork | null;
  /** With several ranks only. */
  readonly exchange?: ExchangeSummary;
  readonly workersUsed: number;
  readonly retirements: number;
  /** Workers that ended unasked. */
  readonly workerDeaths: number;
  /** Time that the main process spent waiting and computing, by activity. */
  readonly activityMs: Readonly<Record<Activity, number>>;
  /**
   * Time in which kernels had work and could not do it since their worker was retiring or dead, or in which an update waited
   * for a successor to be ready.
   */
  readonly lostToRetirementsMs: number;
  readonly checkpoint: string | null;
  /** Command that goes on with the run; null where no checkpoint was written. */
  readonly resumeCommand: string | null;
  /** SHA-256 of the parameters. */
  readonly paramsSha256: string;
  /** Fingerprint of all losses since the beginning of the run. */
  readonly lossesSha256: string;
  /** The evaluation with the lowest loss, and the folder of its checkpoint, if one was written; with `validation` only. */
  readonly best?: BestEvaluation & { readonly checkpoint: string | null };
  /** The loss over all token ids at the end of the run; with `compactVocabulary` only. */
  readonly wholeVocabulary?: WholeVocabularyLoss;
  /** The largest sum of products of each kernel; with `checkRange` only. */
  readonly ranges?: readonly KernelRange[];
}

export interface SummaryFacts {
  readonly reason: EndReason;
  readonly counts: StepCounts;
  readonly stepsRun: number;
  readonly tokensPerStep: number;
  readonly skipped: number;
  readonly lastLoss: number | null;
  readonly stepMs: number;
  readonly wallMs: number;
  readonly activityMs: Readonly<Record<Activity, number>>;
  readonly stepWork: StepWork | null;
  readonly exchange: ExchangeSummary | null;
  readonly pool: PoolStats;
  readonly checkpoint: string | null;
  readonly resumeCommand: string | null;
  readonly lossesDigest: string;
  readonly parametersDigest: string;
  readonly ranges: readonly KernelRange[] | undefined;
  readonly best: TrainSummary['best'];
  readonly wholeVocabulary: TrainSummary['wholeVocabulary'];
}

export function summarize(facts: SummaryFacts): TrainSummary {
  const { counts, stepsRun, stepMs, pool, checkpoint } = facts;
  const tokens = stepsRun * facts.tokensPerStep;
  return {
    reason: facts.reason,
    lastStep: counts.step,
    stepsRun,
    updates: counts.optimizerStep,
    skipped: facts.skipped,
    loss: facts.lastLoss,
    tokens,
    tokensPerSecond: stepMs === 0 ? 0 : (1000 * tokens) / stepMs,
    msPerStep: stepsRun === 0 ? 0 : stepMs / stepsRun,
    wallMs: facts.wallMs,
    dispatches: pool.dispatches,
    compilations: pool.compilations,
    stepWork: facts.stepWork,
    ...(facts.exchange && { exchange: facts.exchange }),
    workersUsed: pool.workersStarted,
    retirements: pool.retirements,
    workerDeaths: pool.deaths,
    activityMs: facts.activityMs,
    lostToRetirementsMs: pool.stalledMs.retire + pool.stalledMs.recover + pool.waitedForWorkersMs,
    checkpoint,
    resumeCommand: facts.resumeCommand,
    paramsSha256: facts.parametersDigest,
    lossesSha256: facts.lossesDigest,
    ...(facts.best === undefined ? {} : { best: facts.best }),
    ...(facts.wholeVocabulary === undefined ? {} : { wholeVocabulary: facts.wholeVocabulary }),
    ...(facts.ranges === undefined ? {} : { ranges: facts.ranges }),
  };
}
