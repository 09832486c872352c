import { placements } from '../harness/placement.js';
import { type Benchmark, type Figure, type Target, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { medianOf } from '../harness/statistics.js';
import type { IsolationSample, IsolationTask } from '../scripts/isolation-run.js';

/** Two processes for each repetition: what a step takes depends on the process, and what isolation costs of it a little, too. */
const PROCESSES = 2;

export const isolationTax: Benchmark = {
  name: 'isolation-tax',
  measures:
    'A step of training, its kernels in one worker or called in the main process, four steps in turn. Tax: difference of two neighbouring turns.',
  async measure({ quick, repetitions }) {
    const figures: Figure[] = [];
    const targets: Target[] = [];
    const processes = quick ? 1 : repetitions * PROCESSES;
    const turns = quick
      ? { warmup: 1, turns: 1, skipped: 0, counted: 1 }
      : { warmup: 5, turns: 6, skipped: 1, counted: 4 };
    for (const placement of placements) {
      for (const weights of ['dynamic', 'static'] as const) {
        const samples: IsolationSample[] = [];
        for (let i = 0; i < processes; i++) {
          const task: IsolationTask = { weights, placement, ...turns };
          samples.push(await runScript<IsolationSample>('isolation-run', task));
        }
        const of = medianOf(samples);
        const row = (name: string, isolation: Figure['isolation'], figure: Pick<Figure, 'unit' | 'p50' | 'p99'>) => {
          figures.push({ case: `${name}, ${weights} weights`, isolation, placement, ...figure });
        };
        const percent = (ratio: number) => ({ unit: '%', p50: 100 * (ratio - 1) }) as const;
        row('main process', 'none', { unit: 'ms', p50: of.firstP50, p99: of.firstP99 });
        row('one worker', 'process', { unit: 'ms', p50: of.secondP50, p99: of.secondP99 });
        row('tax', 'process', percent(of.ratio));
        row('tax, lower quartile of turns', 'process', percent(of.ratioLow));
        row('tax, upper quartile of turns', 'process', percent(of.ratioHigh));
        targets.push(target(`one worker / main process, ${weights} weights, ${placement}`, of.ratio, '<=', 1.02));
      }
    }
    return { repetitions: processes, figures, targets, skipped: [] };
  },
};
