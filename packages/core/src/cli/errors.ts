import { isMayflyError } from '@mayfly/native';
import { CommanderError } from 'commander';
import { errorTable } from './error-table.js';

/** Exit codes of the command. A command that a signal interrupts exits with 128 + the signal's number, as in a shell. */
export const ExitCode = { ok: 0, failure: 1, badInput: 2 } as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.badInput;
  if (!isMayflyError(error)) return ExitCode.failure;
  return errorTable[error.code]?.isInput ? ExitCode.badInput : ExitCode.failure;
}

export interface ErrorLineOptions {
  /** The flag of each option, by the option's path in the library's bags: `minLr` → `--min-lr`. */
  readonly flags?: ReadonlyMap<string, string>;
  /** Whether to print the stack and the causes. Default: whether `MAYFLY_DEBUG` is set. */
  readonly debug?: boolean;
}

/**
 * The message that the command prints for an error. An error in the input takes one line. Other errors may take more, for
 * example to quote what a worker last wrote to stderr. The first line ends with the error's code, which `mayfly explain` knows, except
 * where an option is wrong: then the message says all.
 */
export function errorLine(
  error: unknown,
  { flags = new Map(), debug = Boolean(process.env.MAYFLY_DEBUG) }: ErrorLineOptions = {},
): string {
  if (error instanceof CommanderError) return `mayfly: ${usageMessage(error)}`;
  if (debug && error instanceof Error) return `mayfly: ${withCauses(error)}`;
  const text = error instanceof Error ? error.message : String(error);
  const message = exitCodeOf(error) === ExitCode.badInput ? text.replace(/\s*\n\s*/g, ' ') : text;
  return `mayfly: ${withCode(error, withFlags(message, flags))}`;
}

function withCode(error: unknown, message: string): string {
  if (!isMayflyError(error) || error.code === 'ERR_INVALID_ARGUMENT') return message;
  return message.replace(/$/m, ` [${error.code}]`);
}

/** Replaces the library's names of options by the flags that the user wrote. */
function withFlags(message: string, flags: ReadonlyMap<string, string>): string {
  return message.replace(/^Expected ([\w.]+) to be /, (whole, path: string) => {
    const flag = flags.get(path);
    return flag === undefined ? whole : `Expected ${flag} to be `;
  });
}

/** Commander's message, in the form of ours. */
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
  const code = isMayflyError(error) ? ` [${error.code}]` : '';
  return `${error.stack ?? error.message}${code}${cause}`;
}
