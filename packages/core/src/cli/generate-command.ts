import type { Command } from 'commander';
import { toJsonLine } from '../observe/json-lines.js';
import { printable } from '../observe/printable.js';
import { type GenerateOptions, generate, generateOptions } from '../train/generate.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';
import { Interruption } from './interruption.js';

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
  using interruption = new Interruption();
  const ids: number[] = [];
  let drawn = '';
  let started = false;
  try {
    for await (const token of generate({ ...options, signal: interruption.signal })) {
      ids.push(token.id);
      drawn += token.text;
      if (json) continue;
      const next = started ? token.text : `${options.prompt ?? ''}${token.text}`;
      process.stdout.write(process.stdout.isTTY ? printable(next) : next);
      started = true;
    }
  } catch (error) {
    if (interruption.exitCode === null) throw error;
    process.exitCode = interruption.exitCode;
  }
  process.stdout.write(json ? `${toJsonLine({ text: drawn, ids })}\n` : '\n');
}
