import { type ChipProfile, loadProfile } from '@mayfly/native';
import { type AimStrategy, aims, best, strategiesOf, totalMs } from './aims.js';
import { profileBefore, workBefore } from './before.js';
import type { StepWork } from './step-work.js';

/** The counts of a step before and now, and the milliseconds of a pass by counts and constants of before and now. */
export interface AimBefore {
  readonly counts: { readonly before: StepWork; readonly now: StepWork };
  readonly ms: Readonly<Record<'before' | 'countsBefore' | 'constantsBefore' | 'now', number>>;
}

/** Each combination of counts and constants of before and of now, with the strategy that makes its step shortest. */
export function compareAim(key: string): AimBefore {
  const aim = aims[key]!;
  const { accumulate = 1 } = aim.options;
  const [profile, old] = [loadProfile(aim.chip), profileBefore(aim.chip)];
  const [strategies, byOld] = [strategiesOf(aim, profile), strategiesOf(aim, old)];
  const pass = (some: readonly AimStrategy[], by: ChipProfile) => totalMs(best(some, by).work, by) / accumulate;
  return {
    counts: {
      before: best(stepsBefore(key, strategies), profile).work.counts,
      now: best(strategies, profile).work.counts,
    },
    ms: {
      before: pass(stepsBefore(key, byOld), old),
      countsBefore: pass(stepsBefore(key, strategies), profile),
      constantsBefore: pass(byOld, old),
      now: pass(strategies, profile),
    },
  };
}

/** The steps as they were: programs have not changed, their copies and what overlaps has. */
function stepsBefore(key: string, strategies: readonly AimStrategy[]): readonly AimStrategy[] {
  return strategies.flatMap((strategy) => {
    const before = workBefore[key]![strategy.weights as 'dynamic' | 'static'];
    const isOlder = strategy.classifier === 'host' && strategy.weightGradients === 'host' && strategy.inFlight === 1;
    if (before === undefined || !isOlder) return [];
    const { forwardBytes, backwardBytes, stagedBytes, counts } = before;
    const { work } = strategy;
    const forward = { ...work.forward, copiedBytes: forwardBytes };
    const backward = { ...work.backward, copiedBytes: backwardBytes };
    return [
      { ...strategy, work: { ...work, counts, stagedBytes, forward, backward, overlaps: false, holdsBack: false } },
    ];
  });
}
