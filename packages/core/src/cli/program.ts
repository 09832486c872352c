import { createRequire } from 'node:module';
import { Command } from 'commander';
import { commandOptions, flagName } from '../command-line.js';
import type { AnyOptionTable } from '../option-table.js';
import { addCompletionCommand } from './completion-command.js';
import { addVersionOption } from './version.js';

const { description } = createRequire(import.meta.url)('../package.json') as Record<string, string>;

interface CommandModule {
  readonly add: (program: Command) => void;
  readonly options: AnyOptionTable;
}

/** The module of each command, in the order of the help. */
const modules: Readonly<Record<string, () => Promise<CommandModule>>> = {
  train: () =>
    import('./train-command.js').then(({ addTrainCommand: add, trainCommandOptions: options }) => ({ add, options })),
  launch: () =>
    import('./launch-command.js').then(({ addLaunchCommand: add, launchCommandOptions: options }) => ({
      add,
      options,
    })),
  eval: () =>
    import('./eval-command.js').then(({ addEvalCommand: add, evalCommandOptions: options }) => ({ add, options })),
  generate: () =>
    import('./generate-command.js').then(({ addGenerateCommand: add, generateCommandOptions: options }) => ({
      add,
      options,
    })),
  export: () =>
    import('./export-command.js').then(({ addExportCommand: add, exportCommandOptions: options }) => ({
      add,
      options,
    })),
  bench: () =>
    import('./bench-command.js').then(({ addBenchCommand: add, benchCommandOptions: options }) => ({ add, options })),
  doctor: () =>
    import('./doctor-command.js').then(({ addDoctorCommand: add, doctorCommandOptions: options }) => ({
      add,
      options,
    })),
  lint: () =>
    import('./lint-command.js').then(({ addLintCommand: add, lintCommandOptions: options }) => ({ add, options })),
  plan: () =>
    import('./plan-command.js').then(({ addPlanCommand: add, planCommandOptions: options }) => ({ add, options })),
  stress: () =>
    import('./stress-command.js').then(({ addStressCommand: add, stressCommandOptions: options }) => ({
      add,
      options,
    })),
  sweep: () =>
    import('./sweep-command.js').then(({ addSweepCommand: add, sweepCommandOptions: options }) => ({ add, options })),
  explain: () =>
    import('./explain-command.js').then(({ addExplainCommand: add, explainCommandOptions: options }) => ({
      add,
      options,
    })),
  runs: () =>
    import('./runs-command.js').then(({ addRunsCommand: add, runsCommandOptions: options }) => ({ add, options })),
  watch: () =>
    import('./watch-command.js').then(({ addWatchCommand: add, watchCommandOptions: options }) => ({ add, options })),
  plot: () =>
    import('./plot-command.js').then(({ addPlotCommand: add, plotCommandOptions: options }) => ({ add, options })),
};

/** The options of commands, by their names. */
export type CommandTables = Readonly<Record<string, AnyOptionTable>>;

/** The flag of every option, by the option's path in the library's bags: `minLr` → `--min-lr`. */
export function optionFlags(tables: CommandTables): ReadonlyMap<string, string> {
  const rows = Object.values(tables).flatMap((table) => [...commandOptions(table)]);
  return new Map(rows.map(({ path, row }) => [path.join('.'), flagName(row)]));
}

/**
 * The command line. Usage errors are thrown; the caller prints them.
 *
 * @param words What the user wrote. Where they begin with a command, the other commands are not loaded.
 */
export async function createProgram(
  words: readonly string[] = [],
): Promise<{ readonly program: Command; readonly tables: CommandTables }> {
  const program = new Command('mayfly')
    .description(description ?? '')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 120, 120) });
  addVersionOption(program);
  const [first = ''] = words;
  const names = Object.hasOwn(modules, first) ? [first] : Object.keys(modules);
  const loaded = await Promise.all(names.map((name) => modules[name]!()));
  for (const { add } of loaded) add(program);
  const tables = Object.fromEntries(loaded.map(({ options }, index) => [names[index]!, options]));
  addCompletionCommand(program, tables);
  return { program, tables };
}
