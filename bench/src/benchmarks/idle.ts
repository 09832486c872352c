import { contenderNamed } from '../contenders/index.js';
import { compare } from '../harness/compare.js';
import { placements } from '../harness/placement.js';
import type { Benchmark } from '../harness/report.js';
import { difference, ratio } from '../harness/targets.js';

export const idle: Benchmark = {
  name: 'idle',
  measures: 'The first dispatch after an idle time of 20 ms.',
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
    const targets = placements.flatMap((placement) => {
      const ours = compared.sample('mayfly', placement);
      const bare = compared.sample('Node loop, C echo', placement);
      const event = compared.floor('event', placement);
      return [
        ...ratio(`mayfly / C event, both after 20 ms, ${placement}`, ours?.p50, event?.p50, '<=', 1.5),
        ...difference(`mayfly without its work − Node loop, C echo, ${placement}, us`, ours?.rest, bare?.p50, 5),
      ];
    });
    return { repetitions, figures: compared.figures, targets, skipped: compared.skipped };
  },
};
