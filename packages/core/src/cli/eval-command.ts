import type { Command } from 'commander';
import { type EvaluateOptions, evaluate, evaluateOptions } from '../inference/evaluate.js';
import {
  type ChoicesOptions,
  type ChoicesResult,
  choicesOptions,
  evaluateChoices,
} from '../inference/evaluate-choices.js';
import type { WindowLoss } from '../inference/window-loss.js';
import { toJsonLine } from '../observe/json-lines.js';
import { StartStatus } from '../observe/start-status.js';
import { formatCount, plural, print } from '../observe/text.js';
import { addOptions, type CommandFlags, type JsonFlag, jsonOption, optionsFrom } from './command-options.js';

const examples = `
Window w of length T holds tokens wT … wT+T-1 and predicts tokens wT+1 … wT+T; the result is the mean over all of them,
in nats per token.

With --choices, items of multiple choice are answered by log-likelihood, as lm-evaluation-harness does: acc is the share of
right answers, acc_norm that with log-likelihoods divided by the lengths of the answers.

Examples:
  $ mayfly eval --model runs/book --data other-book.txt
  $ mayfly eval --model stories260K.bin --data stories.u16 --window 64 --windows 0:256 --json
  $ mayfly eval --model runs/book --choices items.jsonl`;

/** The options of `mayfly eval`. */
export const evalCommandOptions = {
  ...evaluateOptions,
  choices: choicesOptions.choices,
  json: jsonOption('print one JSON object'),
};

/** `mayfly eval`. */
export function addEvalCommand(program: Command): void {
  const command = program
    .command('eval')
    .description("Measure a model's cross-entropy on text or tokens, or its answers to multiple choice")
    .addHelpText('after', examples);
  addOptions(command, evalCommandOptions).action(evalCommand);
}

async function evalCommand(flags: CommandFlags): Promise<void> {
  const { json = false, ...options } = optionsFrom<EvaluateOptions & JsonFlag>(evalCommandOptions, flags);
  using status = new StartStatus();
  const { onProgress } = status;
  // Each function refuses the options of the other.
  const [result, told] =
    'choices' in options
      ? textOfChoices(await evaluateChoices({ ...(options as unknown as ChoicesOptions), onProgress }))
      : textOfLoss(await evaluate({ ...options, onProgress }));
  status[Symbol.dispose]();
  print(process.stdout, `${json ? toJsonLine(result) : told}\n`);
}

const textOfLoss = (result: WindowLoss): readonly [object, string] => {
  const { crossEntropy, targets } = result;
  return [result, `cross-entropy ${crossEntropy.toFixed(6)} nats per token over ${formatCount(targets)} targets`];
};

const textOfChoices = (result: ChoicesResult): readonly [object, string] => {
  const { acc, accNorm, items } = result;
  return [result, `acc ${acc.toFixed(4)}, acc_norm ${accNorm.toFixed(4)} over ${plural(items, 'item')}`];
};
