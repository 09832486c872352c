import { contenderNamed } from '../contenders/index.js';
import { compare } from '../harness/compare.js';
import { placements } from '../harness/placement.js';
import type { Benchmark } from '../harness/report.js';
import { ratio } from '../harness/targets.js';

export const idle: Benchmark = {
  name: 'idle',
  measures: 'The first dispatch after 20 ms of nothing.',
  async measure({ quick, repetitions }) {
    const names = quick
      ? ['mayfly']
      : ['mayfly', 'Node loop, C echo', 'piscina', 'tinypool child_process', 'fork json'];
    const compared = await compare({
      workload: 'idle',
      contenders: names.map(contenderNamed),
      floors: ['event', 'socket'],
      gapMs: 20,
      repetitions,
      // The floor pauses in its warm-up, too; the others use theirs to get their code compiled, as that of a pool in use is.
      counts: (_placement, contender) => {
        if (quick) return { warmup: 5, count: 10 };
        return { warmup: contender === null ? 20 : 5000, count: 100 };
      },
    });
    const targets = placements.flatMap((placement) =>
      ratio(
        `mayfly / C event, both after 20 ms, ${placement}`,
        compared.sample('mayfly', placement)?.p50,
        compared.floor('event', placement)?.p50,
        '<=',
        1.5,
      ),
    );
    return { repetitions, figures: compared.figures, targets, skipped: compared.skipped };
  },
};
