import { type Paired, rankedRatio } from '../harness/paired-ratio.js';
import { type Benchmark, type Figure, type Target, target } from '../harness/report.js';
import { runScript } from '../harness/run-script.js';
import { median } from '../harness/statistics.js';
import type { ObserveCase, ObserveSample, ObserveTask, ObserveTurn } from '../scripts/observe-run.js';

const TIMEOUT_MS = 900_000;
/** Of the turns, for each repetition. */
const SECONDS = 65;
/** A step with everything on, as a multiple of one without, at most. */
const MOST = 1.02;

const names: Readonly<Record<ObserveCase, string>> = {
  nothing: 'nothing, beside nothing',
  trace: 'trace',
  tables: 'TensorBoard and CSV',
  metrics: 'metrics, scraped every 5 seconds',
  page: 'page, with a listener',
  everything: 'everything',
};

export const observe: Benchmark = {
  name: 'observe',
  measures:
    'A step of stories15m that is observed, beside one that is not, in turns of 12 steps within one training: each observer alone, all together, and none.',
  async measure({ quick, repetitions }) {
    const task: ObserveTask = { seconds: quick ? 1 : SECONDS * repetitions, quick };
    const { turns, traceBytes } = await runScript<ObserveSample>('observe-run', task, TIMEOUT_MS);
    const cases = (Object.keys(names) as ObserveCase[]).map((which) => ({
      name: names[which],
      turns: turns.filter((turn) => turn.which === which),
    }));
    const isCounted = turns.every(({ took }) => took.thread !== null);
    const bytes = { case: 'bytes of a step in the trace', isolation: 'none', placement: 'scheduler' } as const;
    return {
      repetitions,
      figures: [
        ...cases.flatMap(({ name, turns }) => rows(name, turns, isCounted)),
        { ...bytes, unit: 'bytes', p50: traceBytes },
      ],
      targets: cases.flatMap(({ name, turns }) => [
        bound(name, ratioOf(turns, 'wall')),
        bound(`${name}: processor time of the main process`, ratioOf(turns, 'cpu')),
      ]),
      skipped: isCounted
        ? []
        : [{ case: 'processor time of the main thread', reason: 'the system does not count it by thread' }],
    };
  },
};

/** Beside the geometric mean of the turns before and after: a drift of the machine cancels. */
const ratioOf = (turns: readonly ObserveTurn[], key: 'wall' | 'cpu'): Paired =>
  rankedRatio(turns.map(({ took, before, after }) => [Math.sqrt(before[key] * after[key]), took[key]]));

function rows(name: string, turns: readonly ObserveTurn[], isCounted: boolean): Figure[] {
  const row = { isolation: 'process', placement: 'scheduler', unit: 'ms' } as const;
  const wall = median(turns.map(({ took }) => took.wall));
  const cpu = 1000 * median(turns.map(({ took }) => took.cpu));
  const more = turns.map(({ took, before, after }) => took.thread! - (before.thread! + after.thread!) / 2);
  return [
    { case: name, ...row, p50: wall, cpu },
    ...(isCounted ? [{ case: `${name}: more processor time of the main thread`, ...row, p50: median(more) }] : []),
  ];
}

const bound = (name: string, { ratio, low, high, pairs }: Paired): Target =>
  target(
    `${name}, upper bound of ${ratio.toFixed(4)} (95 %: ${low.toFixed(4)} to ${high.toFixed(4)}, ${pairs} pairs)`,
    high,
    '<=',
    MOST,
  );
