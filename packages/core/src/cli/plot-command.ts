import { invalidArgument, MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { flag, oneOf, whole } from '../check.js';
import { findRuns } from '../history/find-runs.js';
import { RunHistory } from '../history/run-history.js';
import { type StepColumn, stepColumns } from '../history/step-table.js';
import { type Curve, curvesText, type Point } from '../observe/curves-text.js';
import { toJsonLine } from '../observe/json-lines.js';
import { print } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';

/** The metrics of a step, and the loss on validation data. */
const metrics = ['validation', ...stepColumns.filter((name) => name !== 'step' && name !== 'time')] as const;
type Metric = 'validation' | StepColumn;

const notes = `
Each run is a line; where there are more steps than columns, a point is the mean of several. mayfly watch shows the same in a browser.

Examples:
  $ mayfly plot runs/book
  $ mayfly plot runs/one runs/other --metric validation
  $ mayfly plot runs/book --metric grad_norm --log --height 30`;

/** The options of `mayfly plot`. */
export const plotCommandOptions = {
  metric: {
    ...{ rule: oneOf(...metrics), default: 'loss', flag: '--metric <name>' },
    help: metrics.join(', '),
  },
  log: { rule: flag, default: false, flag: '--log', help: 'logarithmic vertical axis' },
  height: { rule: whole(5, 200), default: 16, flag: '--height <n>', help: 'lines of the chart' },
  json: jsonOption('print the points of each run as one JSON object, none left out'),
};

/** `mayfly plot`. */
export function addPlotCommand(program: Command): void {
  const command = program
    .command('plot')
    .description('Draw a metric of runs in the terminal')
    .argument('[dir...]', 'runs, or folders of runs (default: runs)')
    .addHelpText('after', notes);
  addOptions(command, plotCommandOptions).action(plot);
}

interface PlotFlags extends JsonFlag {
  readonly metric?: Metric;
  readonly log?: boolean;
  readonly height?: number;
}

async function plot(given: readonly string[], flags: CommandFlags): Promise<void> {
  const options = optionsFrom<PlotFlags>(plotCommandOptions, flags);
  const { metric = 'loss', json = false, log = false, height = 16 } = options;
  const folders = given.length === 0 ? ['runs'] : given;
  const curves: Curve[] = [];
  let steps = 0;
  for (const { folder, name } of findRuns(folders)) {
    const history = new RunHistory(folder);
    await history.refresh();
    steps += history.steps.count;
    curves.push({ name, points: pointsOf(history, metric) });
  }
  if (json) {
    for (const curve of curves) print(process.stdout, `${toJsonLine({ metric, ...curve })}\n`);
    return;
  }
  if (curves.length === 0) {
    throw new MayflyError(
      'ERR_FILE_NOT_FOUND',
      `Expected a run or a folder of runs, got none in ${folders.join(', ')}`,
    );
  }
  if (curves.every(({ points }) => points.length === 0)) {
    if (steps === 0) {
      throw new MayflyError('ERR_FILE_NOT_FOUND', `Expected a run with steps, got none in ${folders.join(', ')}`);
    }
    throw invalidArgument('--metric', `one that ${curves.length === 1 ? 'the run has' : 'the runs have'}`, metric);
  }
  const width = Math.min(process.stdout.columns ?? 100, 200);
  print(process.stdout, `${await curvesText(curves, { metric, width, height, log })}\n`);
}

function pointsOf({ steps, evaluations }: RunHistory, metric: Metric): readonly Point[] {
  if (metric === 'validation') {
    return evaluations.map(({ step, cross_entropy }): Point => [Number(step), Number(cross_entropy)]);
  }
  const [numbers, values] = [steps.column('step'), steps.column(metric)];
  return Array.from(numbers, (step, row): Point => [step, values[row]!]).filter(([, value]) => Number.isFinite(value));
}
