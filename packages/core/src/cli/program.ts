import { createRequire } from 'node:module';
import { Command } from 'commander';
import { commandOptions, flagName } from '../command-line.js';
import type { AnyOptionTable } from '../option-table.js';
import { addBenchCommand, benchCommandOptions } from './bench-command.js';
import { addCompletionCommand } from './completion-command.js';
import { addDoctorCommand, doctorCommandOptions } from './doctor-command.js';
import { addEvalCommand, evalCommandOptions } from './eval-command.js';
import { addExplainCommand, explainCommandOptions } from './explain-command.js';
import { addExportCommand, exportCommandOptions } from './export-command.js';
import { addGenerateCommand, generateCommandOptions } from './generate-command.js';
import { addLaunchCommand, launchCommandOptions } from './launch-command.js';
import { addLintCommand, lintCommandOptions } from './lint-command.js';
import { addPlanCommand, planCommandOptions } from './plan-command.js';
import { addPlotCommand, plotCommandOptions } from './plot-command.js';
import { addRunsCommand, runsCommandOptions } from './runs-command.js';
import { addStressCommand, stressCommandOptions } from './stress-command.js';
import { addSweepCommand, sweepCommandOptions } from './sweep-command.js';
import { addTrainCommand, trainCommandOptions } from './train-command.js';
import { addVersionOption } from './version.js';
import { addWatchCommand, watchCommandOptions } from './watch-command.js';

const { description } = createRequire(import.meta.url)('../package.json') as Record<string, string>;

/** The options of each command, by its name. */
export const commandTables: Readonly<Record<string, AnyOptionTable>> = {
  train: trainCommandOptions,
  launch: launchCommandOptions,
  eval: evalCommandOptions,
  generate: generateCommandOptions,
  export: exportCommandOptions,
  bench: benchCommandOptions,
  doctor: doctorCommandOptions,
  lint: lintCommandOptions,
  plan: planCommandOptions,
  stress: stressCommandOptions,
  sweep: sweepCommandOptions,
  explain: explainCommandOptions,
  runs: runsCommandOptions,
  watch: watchCommandOptions,
  plot: plotCommandOptions,
};

/** The flag of every option, by the option's path in the library's bags: `minLr` → `--min-lr`. */
export function optionFlags(): ReadonlyMap<string, string> {
  const rows = Object.values(commandTables).flatMap((table) => [...commandOptions(table)]);
  return new Map(rows.map(({ path, row }) => [path.join('.'), flagName(row)]));
}

/** The command line. Usage errors are thrown; the caller prints them. */
export function createProgram(): Command {
  const program = new Command('mayfly')
    .description(description ?? '')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 120, 120) });
  addVersionOption(program);
  addTrainCommand(program);
  addLaunchCommand(program);
  addEvalCommand(program);
  addGenerateCommand(program);
  addExportCommand(program);
  addBenchCommand(program);
  addDoctorCommand(program);
  addLintCommand(program);
  addPlanCommand(program);
  addStressCommand(program);
  addSweepCommand(program);
  addExplainCommand(program);
  addRunsCommand(program);
  addWatchCommand(program);
  addPlotCommand(program);
  addCompletionCommand(program, commandTables);
  return program;
}
