import { contenders } from '../contenders/index.js';
import { compare } from '../harness/compare.js';
import type { Benchmark, Figure } from '../harness/report.js';
import { bestProcessPool, difference, ratio } from '../harness/targets.js';

/** JSON would carry numbers as text; the others carry no data. */
const carryNothing = ['fork json', 'Atomics.waitAsync', 'Node loop, C echo'];

/**
 * The peers' workers return what they got and touch none of it; ours computes y = 3x over all of it, since a kernel has to
 * write its output. What the worker measured for each evaluation is taken off that dispatch. What the same costs without a
 * pool, in a process that has it in its caches, is shown beside it.
 */
export const dispatchBulk: Benchmark = {
  name: 'dispatch-bulk',
  measures: '1.5 MiB in and 1.5 MiB out, one outstanding.',
  async measure({ quick, repetitions }) {
    const carriers = contenders.filter(({ name }) => !carryNothing.includes(name));
    const compared = await compare({
      workload: 'bulk',
      contenders: quick ? carriers.slice(0, 1) : carriers,
      floors: [],
      repetitions,
      counts: (placement, contender) => {
        if (quick) return { warmup: 20, count: 50 };
        if (contender?.name === 'mayfly') return { warmup: 500, count: 3000 };
        return placement === 'pinned' ? { warmup: 50, count: 200 } : { warmup: 100, count: 500 };
      },
    });
    const none = await compare({
      workload: 'ping',
      contenders: carriers.slice(0, 1),
      floors: [],
      repetitions,
      counts: () => (quick ? { warmup: 20, count: 50 } : { warmup: 1000, count: 5000 }),
    });
    const ours = compared.sample('mayfly', 'scheduler');
    const nothing = none.sample('mayfly', 'scheduler');
    const best = bestProcessPool(compared, 'scheduler');
    const placement = 'scheduler';
    const extra: Figure[] = [];
    if (ours !== undefined && nothing !== undefined) {
      const row = (name: string, isolation: Figure['isolation'], p50: number) =>
        extra.push({ case: name, isolation, placement, unit: 'us', p50 });
      row('the work in the main process', 'none', ours.workHere);
      row('the work in the worker', 'process', ours.work);
      row('mayfly without its work', 'process', ours.rest);
      row('mayfly of nothing, without its work', 'process', nothing.rest);
    }
    const targets = [
      ...difference('mayfly without its work − mayfly of nothing, us', ours?.rest, nothing?.rest, 2),
      ...ratio(`${best?.name} (best process pool) / mayfly without its work`, best?.p50, ours?.rest, '>=', 100),
    ];
    return { repetitions, figures: [...compared.figures, ...extra], targets, skipped: compared.skipped };
  },
};
