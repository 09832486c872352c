import type { Command } from 'commander';
import { toJsonLine } from '../observe/json-lines.js';
import { printable } from '../observe/printable.js';
import { type GenerateOptions, generate } from '../train/generate.js';
import { Interruption } from './interruption.js';
import { deviceWords, option, precisionWords, tokenizerDefault, tokenizerWords } from './option.js';
import { anyText, decimal, oneOf, text, whole } from './parse-options.js';

interface GenerateFlags extends GenerateOptions {
  readonly json?: boolean;
}

const examples = `
Examples:
  $ mayfly generate --model runs/book --prompt 'It was a dark' --temperature 0.8
  $ mayfly generate --model stories260K.bin --tokenizer tok512.bin --temperature 0 --max-tokens 100`;

/** `mayfly generate`. */
export function addGenerateCommand(program: Command): void {
  program
    .command('generate')
    .description('Continue a text')
    .addOption(
      option(
        '--model <model>',
        'llama2.c FILE.bin, DIR of a run or of a Hugging Face model',
        text,
      ).makeOptionMandatory(),
    )
    .addOption(option('--tokenizer <name>', tokenizerWords, text, tokenizerDefault))
    .addOption(option('--prompt <text>', 'text to continue', anyText, 'empty'))
    .addOption(option('--max-tokens <n>', 'tokens to draw', whole(0), 256))
    .optionsGroup('Sampling:')
    .addOption(option('--temperature <x>', '0 always takes the likeliest token', decimal, 1))
    .addOption(option('--top-k <n>', 'draw from the n likeliest; 0: all', whole(0), 0))
    .addOption(option('--top-p <x>', 'draw from the likeliest that reach this probability', decimal, 1))
    .addOption(option('--seed <n>', 'the same seed draws the same tokens', whole(0), 0))
    .optionsGroup('Device and output:')
    .addOption(option('--device <name>', deviceWords, text, 'auto'))
    .addOption(option('--precision <kind>', precisionWords, oneOf('exact', 'fast'), 'exact'))
    .addOption(option('--weights <kind>', 'dynamic or static', oneOf('dynamic', 'static'), 'dynamic'))
    .option('--json', 'print one JSON object: the text that was drawn, and its token ids')
    .addHelpText('after', examples)
    .action(generateCommand);
}

async function generateCommand({ json = false, ...flags }: GenerateFlags): Promise<void> {
  using interruption = new Interruption();
  const ids: number[] = [];
  let drawn = '';
  let started = false;
  try {
    for await (const token of generate({ ...flags, signal: interruption.signal })) {
      ids.push(token.id);
      drawn += token.text;
      if (json) continue;
      const next = started ? token.text : `${flags.prompt ?? ''}${token.text}`;
      process.stdout.write(process.stdout.isTTY ? printable(next) : next);
      started = true;
    }
  } catch (error) {
    if (interruption.exitCode === null) throw error;
    process.exitCode = interruption.exitCode;
  }
  process.stdout.write(json ? `${toJsonLine({ text: drawn, ids })}\n` : '\n');
}
