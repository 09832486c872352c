import type { Command } from 'commander';
import { toJsonLine } from '../observe/json-lines.js';
import { StartStatus } from '../observe/start-status.js';
import { print } from '../observe/text.js';
import { type GenerateOptions, generate, generateOptions } from '../train/generate.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';

const examples = `
Examples:
  $ mayfly generate --model runs/book --prompt 'It was a dark' --temperature 0.8
  $ mayfly generate --model stories260K.bin --tokenizer tok512.bin --temperature 0 --max-tokens 100`;

/** The options of `mayfly generate`. */
export const generateCommandOptions = {
  ...generateOptions,
  json: jsonOption('print one JSON object: the text that was drawn, and its token ids'),
};

/** `mayfly generate`. */
export function addGenerateCommand(program: Command): void {
  const command = program.command('generate').description('Continue a text').addHelpText('after', examples);
  addOptions(command, generateCommandOptions).action(generateCommand);
}

async function generateCommand(flags: CommandFlags): Promise<void> {
  const { json = false, ...options } = optionsFrom<GenerateOptions & JsonFlag>(generateCommandOptions, flags);
  const ids: number[] = [];
  let drawn = '';
  let started = false;
  using status = new StartStatus();
  for await (const token of generate({ ...options, onProgress: status.onProgress })) {
    status[Symbol.dispose]();
    ids.push(token.id);
    drawn += token.text;
    if (json) continue;
    const next = started ? token.text : `${options.prompt ?? ''}${token.text}`;
    // In a pipe or a file, the text is data and stays as it is.
    if (process.stdout.isTTY) print(process.stdout, next);
    else process.stdout.write(next);
    started = true;
  }
  process.stdout.write(json ? `${toJsonLine({ text: drawn, ids })}\n` : '\n');
}
