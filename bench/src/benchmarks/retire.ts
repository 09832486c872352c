import { placements } from '../harness/placement.js';
import type { Benchmark, Figure, Target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { medianOf } from '../harness/statistics.js';
import { difference, ratio } from '../harness/targets.js';
import type { RetireSample, RetireTask } from '../scripts/retire-run.js';

const EVERY = 2000;

export const retire: Benchmark = {
  name: 'retire',
  measures: 'Kernels of 200 us, one outstanding, the worker retired every 2,000 of them.',
  async measure({ quick, repetitions }) {
    const count = quick ? 500 : 20_000;
    const every = quick ? 200 : EVERY;
    const figures: Figure[] = [];
    const targets: Target[] = [];
    let products: number | null = null;
    for (const placement of placements) {
      const calm: RetireSample[] = [];
      const retiring: RetireSample[] = [];
      const run = async (limit: number | null): Promise<RetireSample> => {
        const task: RetireTask = { every: limit, count, products, placement };
        const sample = await runScript<RetireSample>('retire-run', task);
        products = sample.products;
        return sample;
      };
      for (let repetition = 0; repetition < repetitions; repetition++) {
        calm.push(await run(null));
        retiring.push(await run(every));
      }
      const [without, with_] = [medianOf(calm), medianOf(retiring)];
      const rows = (name: string, { p50, p99, perSecond, worst }: RetireSample): Figure[] => {
        const shared = { isolation: 'process', placement, unit: 'us' } as const;
        return [
          { case: name, ...shared, p50, p99, perSecond },
          { case: `${name}, worst of ${count}`, ...shared, p50: worst },
        ];
      };
      figures.push(...rows('never retired', without));
      figures.push(...rows(`retired every ${every} (${with_.retirements} times)`, with_));
      // Pinned, a worker that starts shares the processor of the one that serves: shown, but nothing is asked of it.
      if (placement === 'pinned') continue;
      targets.push(
        ...ratio('throughput with retirements / without', with_.perSecond, without.perSecond, '>=', 0.97),
        ...difference('worst dispatch with − without, ms', with_.worst / 1000, without.worst / 1000, 10),
      );
    }
    return { repetitions, figures, targets, skipped: [] };
  },
};
