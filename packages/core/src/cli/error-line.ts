import { CommanderError } from 'commander';
import { commandOptions, flagName } from '../command-line.js';
import { ExitCode, exitCodeOf } from './exit-code.js';
import { commandTables } from './program.js';

/**
 * What the command says of an error: one line `mayfly: Expected …, got …`. Only what is no fault of the input may bring more,
 * such as a worker's last words. `MAYFLY_DEBUG` adds the stack and its causes.
 */
export function errorLine(error: unknown, debug = process.env.MAYFLY_DEBUG): string {
  if (error instanceof CommanderError) return `mayfly: ${usageMessage(error)}`;
  if (debug !== undefined && debug !== '' && error instanceof Error) return `mayfly: ${withCauses(error)}`;
  const message = error instanceof Error ? error.message : String(error);
  const told = exitCodeOf(error) === ExitCode.badInput ? message.replace(/\s*\n\s*/g, ' ') : message;
  return `mayfly: ${withFlag(told)}`;
}

/** Options are known to the library by their path in its bags: the user wrote `--min-lr`, not `minLr`. */
function withFlag(message: string): string {
  return message.replace(/^Expected ([\w.]+) to be /, (whole, path: string) => {
    const flag = flags.get(path);
    return flag === undefined ? whole : `Expected ${flag} to be `;
  });
}

const flags: ReadonlyMap<string, string> = new Map(
  commandTables.flatMap((table) =>
    [...commandOptions(table)].map(({ path, row }) => [path.join('.'), flagName(row)] as const),
  ),
);

/** Commander's own words in the form of ours. */
function usageMessage({ code, message }: CommanderError): string {
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? '';
  const hint = /\((Did you mean [^)]*)\)/.exec(message)?.[1];
  const suggestion = hint === undefined ? '' : ` (${hint})`;
  switch (code) {
    case 'commander.unknownOption':
      return `Expected a known option, got \`${quoted}\`${suggestion}`;
    case 'commander.unknownCommand':
      return `Expected a known command, got \`${quoted}\`${suggestion}`;
    case 'commander.optionMissingArgument':
      return `Expected a value after \`${quoted}\`, got none`;
    case 'commander.missingMandatoryOptionValue':
      return `Expected \`${quoted}\`, got nothing`;
    case 'commander.excessArguments':
      return `Expected options only, got more: ${message.replace(/^error: /, '')}`;
    case 'commander.help':
      return 'Expected a command, got none: see `mayfly --help`';
    default:
      return message.replace(/^error: /, '');
  }
}

function withCauses(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${withCauses(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
