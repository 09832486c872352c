import type { Paired } from '../harness/paired-ratio.js';
import { type Benchmark, type Figure, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import type { ObserveFigures, ObserveSample, ObserveTask } from '../scripts/observe-run.js';

const TIMEOUT_MS = 900_000;
/** Of the rounds, for each repetition. */
const SECONDS = 65;
/** A step with everything on, as a multiple of one without, at most. */
const MOST = 1.02;

const names: Readonly<Record<ObserveFigures['case'], string>> = {
  nothing: 'nothing, beside nothing',
  trace: 'trace',
  tables: 'TensorBoard and CSV',
  metrics: 'metrics, scraped every 4 steps',
  page: 'page, with a listener',
  everything: 'everything',
};

export const observe: Benchmark = {
  name: 'observe',
  measures:
    'A step of stories15m that is observed, beside one that is not, in turns of 4 steps within one training: each observer alone, all together, and none.',
  async measure({ quick, repetitions }) {
    const task: ObserveTask = { seconds: quick ? 1 : SECONDS * repetitions, quick };
    const { figures, traceBytes } = await runScript<ObserveSample>('observe-run', task, TIMEOUT_MS);
    return {
      repetitions,
      figures: [
        ...figures.flatMap(rows),
        {
          ...{ case: 'bytes of a step in the trace', isolation: 'none', placement: 'scheduler', unit: 'bytes' },
          p50: traceBytes,
        },
      ],
      targets: figures.flatMap(({ case: which, wallRatio, cpuRatio }) => [
        target(`${names[which]}: time, upper bound of ${interval(wallRatio)}`, wallRatio.high, '<=', MOST),
        target(
          `${names[which]}: processor time of the main process, of ${interval(cpuRatio)}`,
          cpuRatio.high,
          '<=',
          MOST,
        ),
      ]),
      skipped: figures.some(({ thread }) => Number.isNaN(thread) || thread === null)
        ? [{ case: "processor time of the main process's main thread", reason: 'the system does not count it' }]
        : [],
    };
  },
};

/** JSON has null for what the system does not count. */
function rows({ case: which, wall, cpu, thread, moreThread }: ObserveFigures): Figure[] {
  const row = { isolation: 'process', placement: 'scheduler', unit: 'ms' } as const;
  const name = names[which];
  const timed: Figure = { case: name, ...row, p50: wall, cpu: 1000 * cpu };
  if (thread === null) return [timed];
  return [
    timed,
    { case: `${name}: main thread, processor time`, ...row, p50: thread },
    { case: `${name}: main thread, more than without`, ...row, p50: moreThread },
  ];
}

const interval = ({ ratio, low, high, pairs }: Paired): string =>
  `${ratio.toFixed(4)} (95 %: ${low.toFixed(4)} to ${high.toFixed(4)}, ${pairs} pairs)`;
