import type { Benchmark, Figure, Target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { medianOf } from '../harness/statistics.js';
import { ratio } from '../harness/targets.js';
import type { IsolationSample, IsolationTask } from '../isolation-run.js';

export const isolationTax: Benchmark = {
  name: 'isolation-tax',
  measures: 'A step of training, its kernels in one worker or called in the main process.',
  async measure({ quick, repetitions }) {
    const figures: Figure[] = [];
    const targets: Target[] = [];
    for (const weights of ['dynamic', 'static'] as const) {
      const here: IsolationSample[] = [];
      const there: IsolationSample[] = [];
      const task = quick ? { weights, warmup: 1, steps: 2 } : { weights, warmup: 5, steps: 40 };
      const run = (direct: boolean) =>
        runScript<IsolationSample>('isolation-run', { ...task, direct } satisfies IsolationTask);
      for (let repetition = 0; repetition < repetitions; repetition++) {
        here.push(await run(true));
        there.push(await run(false));
      }
      const [direct, pooled] = [medianOf(here), medianOf(there)];
      const row = (name: string, isolation: Figure['isolation'], sample: IsolationSample): Figure => ({
        case: `${name}, ${weights} weights`,
        isolation,
        placement: 'scheduler',
        unit: 'ms',
        ...sample,
      });
      figures.push(row('main process', 'none', direct), row('one worker', 'process', pooled));
      targets.push(...ratio(`one worker / main process, ${weights} weights`, pooled.p50, direct.p50, '<=', 1.02));
    }
    return { repetitions, figures, targets, skipped: [] };
  },
};
