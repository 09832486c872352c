import type { Paired } from '../harness/paired-ratio.js';
import { type Benchmark, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import type { ObserveSample, ObserveTask } from '../scripts/observe-run.js';

const TIMEOUT_MS = 900_000;
/** A step with everything on, as a multiple of one without, at most. */
const MOST = 1.02;

export const observe: Benchmark = {
  name: 'observe',
  measures:
    'A step of stories15m that is observed (trace, TensorBoard, table, metrics that are scraped, page) beside one that is not, in turns within one training.',
  async measure({ quick, repetitions }) {
    const task: ObserveTask = { pairs: quick ? 2 : 8 * repetitions, steps: quick ? 2 : 6, quick };
    const { alone, ratio } = await runScript<ObserveSample>('observe-run', task, TIMEOUT_MS);
    const row = { isolation: 'process', placement: 'scheduler', unit: 'ms' } as const;
    return {
      repetitions,
      figures: [
        { case: 'step', ...row, p50: alone.wall },
        { case: 'step, observed', ...row, p50: alone.wall * ratio.wall.ratio },
        { case: 'processor time of the main process', ...row, p50: alone.cpu },
        { case: 'processor time of the main process, observed', ...row, p50: alone.cpu * ratio.cpu.ratio },
      ],
      targets: [
        target(`observed / not, upper bound of ${interval(ratio.wall)}`, ratio.wall.high, '<=', MOST),
        target(`processor time, observed / not, upper bound of ${interval(ratio.cpu)}`, ratio.cpu.high, '<=', MOST),
      ],
      skipped: [],
    };
  },
};

const interval = ({ ratio, low, high, pairs }: Paired): string =>
  `${ratio.toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)}, ${pairs} pairs)`;
