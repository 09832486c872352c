import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addBenchCommand } from './bench-command.js';
import { addDoctorCommand } from './doctor-command.js';
import { addEvalCommand } from './eval-command.js';
import { addGenerateCommand } from './generate-command.js';
import { addLintCommand } from './lint-command.js';
import { addPlanCommand } from './plan-command.js';
import { addStressCommand } from './stress-command.js';
import { addTrainCommand } from './train-command.js';

const { version, description } = createRequire(import.meta.url)('../package.json') as Record<string, string>;

/** The command line. Usage errors are thrown, and told by whoever catches them. */
export function createProgram(): Command {
  const program = new Command('mayfly')
    .description(description ?? '')
    .version(version ?? '')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 120, 120) });
  addTrainCommand(program);
  addEvalCommand(program);
  addGenerateCommand(program);
  addBenchCommand(program);
  addDoctorCommand(program);
  addLintCommand(program);
  addPlanCommand(program);
  addStressCommand(program);
  return program;
}
