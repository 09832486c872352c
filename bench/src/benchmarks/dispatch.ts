import { contenders } from '../contenders/index.js';
import { compare } from '../harness/compare.js';
import type { Benchmark } from '../harness/report.js';
import { bestProcessPool, difference, ratio } from '../harness/targets.js';

export const dispatch: Benchmark = {
  name: 'dispatch',
  measures: 'A tiny kernel, called through the public API, one outstanding.',
  async measure({ quick, repetitions }) {
    const compared = await compare({
      workload: 'ping',
      contenders: quick ? contenders.slice(0, 1) : contenders,
      floors: ['event', 'socket', 'pipe', 'spin'],
      repetitions,
      counts: () => (quick ? { warmup: 100, count: 200 } : { warmup: 5000, count: 5000 }),
    });
    const ours = compared.sample('mayfly', 'scheduler')?.p50;
    const best = bestProcessPool(compared, 'scheduler');
    const targets = [
      ...ratio('mayfly / C event', ours, compared.floor('event', 'scheduler')?.p50, '<=', 3),
      ...ratio('mayfly / piscina', ours, compared.sample('piscina', 'scheduler')?.p50, '<=', 0.6),
      ...ratio(`mayfly / ${best?.name} (best process pool)`, ours, best?.p50, '<=', 0.35),
      ...difference(
        'mayfly − C spin, pinned apart, us',
        compared.sample('mayfly', 'pinned')?.p50,
        compared.floor('spin', 'pinned')?.p50,
        3,
      ),
    ];
    return { repetitions, figures: compared.figures, targets, skipped: compared.skipped };
  },
};
