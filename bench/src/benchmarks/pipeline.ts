import { contenders } from '../contenders/index.js';
import { compare } from '../harness/compare.js';
import { type Benchmark, target } from '../harness/report.js';

export const pipeline: Benchmark = {
  name: 'pipeline',
  measures: '16 tiny kernels outstanding, one worker.',
  async measure({ quick, repetitions }) {
    const carriers = contenders.filter(({ name }) => name !== 'Atomics.waitAsync');
    const compared = await compare({
      workload: 'pipeline',
      contenders: quick ? carriers.slice(0, 1) : carriers,
      floors: [],
      repetitions,
      counts: (placement, contender) => {
        if (quick) return { warmup: 500, count: 1000 };
        if (contender?.name === 'mayfly') return { warmup: 20_000, count: 200_000 };
        return placement === 'pinned' ? { warmup: 1000, count: 5000 } : { warmup: 2000, count: 20_000 };
      },
    });
    const ours = compared.sample('mayfly', 'scheduler');
    const targets =
      ours === undefined
        ? []
        : [
            target('dispatches per second', ours.perSecond, '>=', 300_000),
            target('main-process CPU per dispatch, us', ours.cpu, '<=', 3),
          ];
    return { repetitions, figures: compared.figures, targets, skipped: compared.skipped };
  },
};
