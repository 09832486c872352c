import type { Benchmark, Figure } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { medianOf } from '../harness/statistics.js';
import { difference, ratio } from '../harness/targets.js';
import type { RetireSample, RetireTask } from '../retire-run.js';

const EVERY = 2000;

export const retire: Benchmark = {
  name: 'retire',
  measures: 'Kernels of 200 us, one outstanding, the worker retired every 2,000 of them.',
  async measure({ quick, repetitions }) {
    const count = quick ? 500 : 20_000;
    const every = quick ? 200 : EVERY;
    const calm: RetireSample[] = [];
    const retiring: RetireSample[] = [];
    let products: number | null = null;
    const run = async (limit: number | null): Promise<RetireSample> => {
      const task: RetireTask = { every: limit, count, products };
      const sample = await runScript<RetireSample>('retire-run', task);
      products = sample.products;
      return sample;
    };
    for (let repetition = 0; repetition < repetitions; repetition++) {
      calm.push(await run(null));
      retiring.push(await run(every));
    }
    const [without, with_] = [medianOf(calm), medianOf(retiring)];
    const row = (name: string, { p50, p99, perSecond }: RetireSample): Figure => ({
      case: name,
      isolation: 'process',
      placement: 'scheduler',
      unit: 'us',
      p50,
      p99,
      perSecond,
    });
    const worst = (name: string, sample: RetireSample): Figure => ({
      case: `${name}, worst of ${count}`,
      isolation: 'process',
      placement: 'scheduler',
      unit: 'us',
      p50: sample.worst,
    });
    const named = `retired every ${every} (${with_.retirements} times)`;
    return {
      repetitions,
      figures: [row('never retired', without), row(named, with_), worst('never retired', without), worst(named, with_)],
      targets: [
        ...ratio('throughput with retirements / without', with_.perSecond, without.perSecond, '>=', 0.97),
        ...difference('worst dispatch with − without, ms', with_.worst / 1000, without.worst / 1000, 10),
      ],
      skipped: [],
    };
  },
};
