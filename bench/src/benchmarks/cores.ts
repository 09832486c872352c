import { availableParallelism } from 'node:os';
import { alternate } from '../harness/alternate.js';
import type { Benchmark, Figure } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { stepModels } from '../harness/step-models.js';
import { ratio } from '../harness/targets.js';
import type { StepSample, StepTask } from '../scripts/step-run.js';

/** The default split / the best one measured, at most. */
const MOST_OF_BEST = 1.05;

export const cores: Benchmark = {
  name: 'cores',
  measures:
    'A training step of stories15m with the machine’s cores split in several ways between the worker (its device’s threads) and the main process (threads for weight gradients beside its own).',
  async measure({ quick, repetitions }) {
    const model = stepModels[0]!;
    const splits = splitsOf(availableParallelism());
    const task = { model, warmup: quick ? 1 : 2, steps: quick ? 1 : 9 };
    const measured = await alternate<StepSample>(
      'cores',
      (quick ? splits.slice(0, 1) : splits).map((split) => ({
        name: nameOf(split),
        run: () => runScript<StepSample>('step-run', { ...task, ...split } satisfies StepTask, 300_000),
      })),
      repetitions,
    );
    const figures = [...measured.samples].map(
      ([name, { p50 }]): Figure => ({ case: name, isolation: 'process', placement: 'scheduler', unit: 'ms', p50 }),
    );
    const best = Math.min(...figures.map(({ p50 }) => p50));
    const own = measured.samples.get(nameOf(splits[0]!))?.p50;
    return {
      ...{ repetitions, figures, skipped: measured.skipped },
      targets: ratio('default / best split', own, best, '<=', MOST_OF_BEST),
    };
  },
};

interface Split {
  readonly threads: number;
  readonly hostThreads: number;
}

const nameOf = ({ threads, hostThreads }: Split): string => `worker ${threads}, host ${hostThreads}`;

/** The default first: all cores for either side. */
function splitsOf(count: number): Split[] {
  const half = Math.ceil(count / 2);
  const host = Math.min(8, count);
  return [
    { threads: count, hostThreads: host },
    { threads: count, hostThreads: Math.min(8, half) },
    { threads: count, hostThreads: 0 },
    { threads: half, hostThreads: host },
    { threads: half, hostThreads: Math.min(8, half) },
    { threads: half, hostThreads: 0 },
  ];
}
