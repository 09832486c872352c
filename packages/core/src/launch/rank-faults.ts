import { invalidArgument } from '@mayfly/native';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type Rule, whole } from '../check.js';
import { nested, type OptionTable } from '../option-table.js';

/** Numbers of ranks that are disturbed. */
export interface RankFaults {
  /** SIGKILL: the job ends, and goes on from its last checkpoint. */
  readonly kill: number;
  /** SIGSTOP, and SIGCONT before a second is over: the other ranks wait. */
  readonly stop: number;
  /** SIGSTOP for good: a deadline of the other ranks ends the job. */
  readonly hang: number;
}

export type RankFault = keyof RankFaults;

const times = whole(0, 1000);

/** The table of `RankFaults`. */
const rankFaults = {
  kill: { rule: times, default: 0 },
  stop: { rule: times, default: 0 },
  hang: { rule: times, default: 0 },
} as const satisfies OptionTable<RankFaults>;

export const faultNames = Object.keys(rankFaults) as readonly RankFault[];

/** The rule of faults, written as `kill=1,stop=2`. */
export const rankFaultsRule: Rule<Partial<RankFaults>> = {
  ...nested<RankFaults>(rankFaults).rule,
  read(name, text) {
    const counts: Partial<Record<RankFault, number>> = {};
    for (const part of text.split(',').filter((each) => each !== '')) {
      const [given, value = ''] = part.split('=');
      const fault = faultNames.find((each) => each === given);
      if (fault === undefined) throw invalidArgument(name, `a list of ${faultNames.join('=N, ')}=N`, part);
      counts[fault] = times.read(`${name}'s ${fault}`, value);
    }
    return counts;
  },
};

/** A fault of one rank. */
export interface DueFault {
  readonly fault: RankFault;
  readonly rank: number;
  /** It is due once this step is done; 0: once the rank has begun. */
  readonly step: number;
  /** Milliseconds from then on. */
  readonly delayMs: number;
  /** How long the rank stands still; Infinity where nothing lets it go on. */
  readonly stopMs: number;
}

/** Most milliseconds between a step and the fault that is due after it, and for which a rank that goes on stands still. */
const MOST_DELAY_MS = 50;
const MOST_STOP_MS = 900;

/**
 * Draws when each fault is due, and on which rank: in the first three quarters of the steps, so that the run is not over before; from `seed`
 * alone, in the order of the steps.
 */
export function drawFaults(
  faults: Partial<RankFaults>,
  { ranks, steps, seed }: { readonly ranks: number; readonly steps: number; readonly seed: number },
): DueFault[] {
  const random = xoroshiro128plus(seed);
  const draw = (below: number) => uniformInt(random, 0, below - 1);
  const drawn = faultNames.flatMap((fault) =>
    Array.from({ length: faults[fault] ?? 0 }, (): DueFault => {
      const due = { rank: draw(ranks), step: draw(Math.ceil(0.75 * steps)), delayMs: draw(MOST_DELAY_MS) };
      const stopMs = { kill: 0, stop: 100 + draw(MOST_STOP_MS - 100), hang: Number.POSITIVE_INFINITY };
      return { fault, ...due, stopMs: stopMs[fault] };
    }),
  );
  return drawn.sort((a, b) => a.step - b.step);
}
