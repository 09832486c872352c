import { CommanderError } from 'commander';
import { ExitCode, exitCodeOf } from './exit-code.js';

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

/** Options are known to the library by their camelCase name: the user wrote `--min-lr`, not `minLr`. */
function withFlag(message: string): string {
  return message.replace(/^Expected (?!--)([a-z]+[A-Za-z]*) to be /, (whole, name: string) =>
    optionNames.has(name)
      ? `Expected --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} to be `
      : whole,
  );
}

/** Those whose values are checked where they are used. */
const optionNames: ReadonlySet<string> = new Set(
  (
    'model data tokenizer device workers standby threads precision weights retireAfter hostThreads batch seq steps accumulate lr ' +
    'warmup schedule minLr betas eps weightDecay clip lossScale maxSkips order seed out checkpointEvery keep resume window windows ' +
    'prompt temperature topK topP maxTokens'
  ).split(' '),
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
