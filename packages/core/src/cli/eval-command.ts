import type { Command } from 'commander';
import { formatCount } from '../observe/format.js';
import { toJsonLine } from '../observe/json-lines.js';
import { type EvaluateOptions, evaluate } from '../train/evaluate.js';
import { deviceWords, option, precisionWords, tokenizerDefault, tokenizerWords } from './option.js';
import { oneOf, range, text, whole } from './parse-options.js';

interface EvalFlags extends Omit<EvaluateOptions, 'data'> {
  readonly data: string;
  readonly json?: boolean;
}

const examples = `
Window w of length T holds tokens wT … wT+T-1 and predicts tokens wT+1 … wT+T; the result is the mean over all of them,
in nats per token.

Examples:
  $ mayfly eval --model runs/book --data other-book.txt
  $ mayfly eval --model stories260K.bin --data stories.u16 --window 64 --windows 0:256 --json`;

/** `mayfly eval`. */
export function addEvalCommand(program: Command): void {
  program
    .command('eval')
    .description("Measure a model's cross-entropy on text or tokens")
    .addOption(
      option(
        '--model <model>',
        'llama2.c FILE.bin, DIR of a run or of a Hugging Face model',
        text,
      ).makeOptionMandatory(),
    )
    .addOption(option('--data <path>', 'text file, folder, or token stream (FILE.u16)', text).makeOptionMandatory())
    .addOption(option('--tokenizer <name>', tokenizerWords, text, tokenizerDefault))
    .addOption(option('--window <t>', 'tokens per window', whole(1), "256, or the model's context if shorter"))
    .addOption(option('--windows <a:b>', 'first window and the one after the last', range, 'all'))
    .addOption(option('--batch <n>', 'windows per pass', whole(1), 8))
    .addOption(option('--device <name>', deviceWords, text, 'auto'))
    .addOption(option('--workers <n>', 'processes that evaluate kernels', whole(1), 1))
    .addOption(option('--precision <kind>', precisionWords, oneOf('exact', 'fast'), 'exact'))
    .addOption(option('--weights <kind>', 'dynamic or static', oneOf('dynamic', 'static'), 'dynamic'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', examples)
    .action(evalCommand);
}

async function evalCommand({ json = false, ...flags }: EvalFlags): Promise<void> {
  const result = await evaluate(flags);
  const { crossEntropy, targets } = result;
  const told = `cross-entropy ${crossEntropy.toFixed(6)} nats per token over ${formatCount(targets)} targets`;
  process.stdout.write(`${json ? toJsonLine(result) : told}\n`);
}
