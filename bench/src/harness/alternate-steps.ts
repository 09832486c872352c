import type { Trainer } from '@mayfly/core';
import { quantile } from './statistics.js';

export interface Turns {
  /** Steps of each before anything counts. */
  readonly warmup: number;
  /** Turns of each. */
  readonly turns: number;
  /** Steps at the beginning of a turn that do not count: caches are the other one's. */
  readonly skipped: number;
  /** Steps of a turn that count. */
  readonly counted: number;
}

/** Milliseconds of a step of both; of the quotient of two neighbouring turns, second by first, the median and the middle half. */
export interface StepPairs extends Record<string, number> {
  readonly firstP50: number;
  readonly firstP99: number;
  readonly secondP50: number;
  readonly secondP99: number;
  readonly ratio: number;
  readonly ratioLow: number;
  readonly ratioHigh: number;
}

/**
 * Two trainings that must compute the same, in turns within one process: a step varies more from one process to the next, and
 * from one minute to the next, than what tells these two apart.
 *
 * @throws where their losses differ.
 */
export async function alternateSteps(first: Trainer, second: Trainer, turns: Turns): Promise<StepPairs> {
  const lanes = [first, second].map((trainer) => ({
    steps: trainer.steps(),
    losses: [] as number[],
    took: [] as number[],
  }));
  const take = async (lane: (typeof lanes)[number], count: number): Promise<number> => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const { value } = await lane.steps.next();
      if (value === undefined) throw new Error('Expected one more step, got the end of the training');
      lane.losses.push(value.loss);
      lane.took.push(value.ms);
      sum += value.ms;
    }
    return sum;
  };
  for (const lane of lanes) await take(lane, turns.warmup);
  for (const lane of lanes) lane.took.length = 0;
  const ratios: number[] = [];
  for (let turn = 0; turn < turns.turns; turn++) {
    const sums = new Map<(typeof lanes)[number], number>();
    // Whoever is second finds the machine as the first has left it: they take turns in that, too.
    for (const lane of turn % 2 === 0 ? lanes : lanes.toReversed()) {
      await take(lane, turns.skipped);
      lane.took.length -= turns.skipped;
      sums.set(lane, await take(lane, turns.counted));
    }
    ratios.push(sums.get(lanes[1]!)! / sums.get(lanes[0]!)!);
  }
  const at = lanes[0]!.losses.findIndex((loss, step) => loss !== lanes[1]!.losses[step]);
  if (at >= 0)
    throw new Error(`Expected the same losses, got ${lanes.map(({ losses }) => losses[at])} in step ${at + 1}`);
  return stepPairs(lanes[0]!.took, lanes[1]!.took, ratios);
}

/** Milliseconds of the steps of both, in any order, and the quotients of their turns. */
export function stepPairs(first: readonly number[], second: readonly number[], ratios: readonly number[]): StepPairs {
  const [one, two, sorted] = [first, second, ratios].map((values) => Float64Array.from(values).sort());
  return {
    firstP50: quantile(one!, 0.5),
    firstP99: quantile(one!, 0.99),
    secondP50: quantile(two!, 0.5),
    secondP99: quantile(two!, 0.99),
    ratio: quantile(sorted!, 0.5),
    ratioLow: quantile(sorted!, 0.25),
    ratioHigh: quantile(sorted!, 0.75),
  };
}
