import type { Command } from 'commander';
import { toJsonLine } from '../observe/json-lines.js';
import { StartStatus } from '../observe/start-status.js';
import { formatCount, print } from '../observe/text.js';
import { type EvaluateOptions, evaluate, evaluateOptions } from '../train/evaluate.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';

const examples = `
Window w of length T holds tokens wT … wT+T-1 and predicts tokens wT+1 … wT+T; the result is the mean over all of them,
in nats per token.

Examples:
  $ mayfly eval --model runs/book --data other-book.txt
  $ mayfly eval --model stories260K.bin --data stories.u16 --window 64 --windows 0:256 --json`;

/** The options of `mayfly eval`. */
export const evalCommandOptions = { ...evaluateOptions, json: jsonOption('print one JSON object') };

/** `mayfly eval`. */
export function addEvalCommand(program: Command): void {
  const command = program
    .command('eval')
    .description("Measure a model's cross-entropy on text or tokens")
    .addHelpText('after', examples);
  addOptions(command, evalCommandOptions).action(evalCommand);
}

async function evalCommand(flags: CommandFlags): Promise<void> {
  const { json = false, ...options } = optionsFrom<EvaluateOptions & JsonFlag>(evalCommandOptions, flags);
  const status = new StartStatus();
  const result = await evaluate({ ...options, onProgress: status.onProgress }).finally(() => status[Symbol.dispose]());
  const { crossEntropy, targets } = result;
  const text = `cross-entropy ${crossEntropy.toFixed(6)} nats per token over ${formatCount(targets)} targets`;
  print(process.stdout, `${json ? toJsonLine(result) : text}\n`);
}
