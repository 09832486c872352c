import type { Contender } from '../contenders/contender.js';
import type { Task } from '../scripts/contend.js';
import { type FloorMode, type FloorSample, pingFloor } from './floor.js';
import { type Placement, placements } from './placement.js';
import type { Figure } from './report.js';
import { runScript } from './run-script.js';
import { medianOf } from './statistics.js';
import type { Counts, Sample, WorkloadName } from './workload.js';

export interface Comparison {
  readonly workload: WorkloadName;
  readonly contenders: readonly Contender[];
  readonly floors: readonly FloorMode[];
  /** Sleep before each round trip of a floor. */
  readonly gapMs?: number;
  readonly repetitions: number;
  readonly counts: (placement: Placement, contender: Contender | null) => Counts;
}

/** Medians over repetitions, by case and placement. */
export interface Compared {
  readonly figures: Figure[];
  readonly skipped: { case: string; reason: string }[];
  floor(mode: FloorMode, placement: Placement): FloorSample | undefined;
  sample(contender: string, placement: Placement): Sample | undefined;
}

/**
 * Measures every contender and floor in each placement. Repetitions are interleaved, so that a machine that gets slower
 * gets slower for all, and ratios hold.
 */
export async function compare(comparison: Comparison): Promise<Compared> {
  const { workload, contenders, floors, repetitions, counts, gapMs = 0 } = comparison;
  const measured = new Map<string, (Sample | FloorSample)[]>();
  const failed = new Map<string, string>();
  const attempt = async (name: string, placement: Placement, measure: () => Promise<Sample | FloorSample>) => {
    const key = `${name}, ${placement}`;
    if (failed.has(key)) return;
    try {
      measured.set(key, [...(measured.get(key) ?? []), await measure()]);
    } catch (error) {
      failed.set(key, (error as Error).message);
      measured.delete(key);
    }
  };
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const placement of placements) {
      for (const mode of floors) {
        await attempt(`C ${mode}`, placement, () => pingFloor(mode, placement, { ...counts(placement, null), gapMs }));
      }
      for (const contender of contenders) {
        const task: Task = { contender: contender.name, workload, placement, ...counts(placement, contender) };
        await attempt(contender.name, placement, () => runScript<Sample>('contend', task, 60_000));
      }
    }
  }
  const medians = new Map([...measured].map(([key, samples]) => [key, medianOf<Record<string, number>>(samples)]));
  const of = <T>(name: string, placement: Placement) => medians.get(`${name}, ${placement}`) as T | undefined;

  const figures: Figure[] = [];
  for (const placement of placements) {
    for (const mode of floors) {
      const sample = of<FloorSample>(`C ${mode}`, placement);
      if (sample !== undefined)
        figures.push({ case: `C ${mode}`, isolation: 'process', placement, unit: 'us', ...sample });
    }
    for (const { name, isolation } of contenders) {
      const sample = of<Sample>(name, placement);
      if (sample === undefined) continue;
      const { p50, p99, cpu, perSecond } = sample;
      figures.push({ case: name, isolation, placement, unit: 'us', p50, p99, cpu, perSecond });
    }
  }
  return {
    figures,
    skipped: [...failed].map(([key, reason]) => ({ case: key, reason })),
    floor: (mode, placement) => of(`C ${mode}`, placement),
    sample: (contender, placement) => of(contender, placement),
  };
}
