import { MayflyError, mostSimilar } from '@mayfly/native';
import type { Command } from 'commander';
import { toJsonLine } from '../observe/json-lines.js';
import { textTable } from '../observe/table.js';
import { print } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { errorGroups, errorTable } from './error-table.js';
import { ExitCode } from './errors.js';

const examples = `
Without a code, lists all of them. An error of the command ends with its code; \`MAYFLY_DEBUG=1\` prints where it arose.

Examples:
  $ mayfly explain ERR_BUDGET`;

/** The options of `mayfly explain`. */
export const explainCommandOptions = { json: jsonOption('print one JSON object') };

/** `mayfly explain`. */
export function addExplainCommand(program: Command): void {
  const command = program
    .command('explain')
    .description('Say the cause of an error, and what to do, by its code')
    .argument('[code]', 'such as ERR_BUDGET')
    .addHelpText('after', examples);
  addOptions(command, explainCommandOptions).action(explain);
}

function explain(given: string | undefined, flags: CommandFlags): void {
  const { json = false } = optionsFrom<JsonFlag>(explainCommandOptions, flags);
  if (given === undefined) {
    print(process.stdout, json ? `${toJsonLine({ errors: Object.keys(errorTable).map(explanation) })}\n` : list());
    return;
  }
  const code = given.toUpperCase();
  if (!Object.hasOwn(errorTable, code)) {
    const similar = mostSimilar(code, Object.keys(errorTable));
    const hint = similar === null ? '' : ` (Did you mean ${similar}?)`;
    throw new MayflyError('ERR_INVALID_ARGUMENT', `Expected the code of an error, got \`${given}\`${hint}`);
  }
  const found = explanation(code);
  const { cause, remedy, exitCode } = found;
  const text = `${code}\n\n${cause}\n\n${remedy}\n\nExit code of the command: ${exitCode}\n`;
  print(process.stdout, json ? `${toJsonLine(found)}\n` : text);
}

function explanation(code: string) {
  const { cause, remedy, isInput = false } = errorTable[code]!;
  return { code, cause, remedy, exitCode: isInput ? ExitCode.badInput : ExitCode.failure };
}

const list = (): string =>
  errorGroups
    .map(
      ({ heading, errors }) =>
        `${heading}\n${textTable(Object.entries(errors).map(([code, { cause }]) => [`  ${code}`, firstSentence(cause)]))}\n`,
    )
    .join('\n');

const firstSentence = (text: string): string => text.split(/[.:;] /)[0]!.replace(/\.$/, '');
