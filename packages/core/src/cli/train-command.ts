import { availableParallelism } from 'node:os';
import { MayflyError } from '@mayfly/native';
import type { Command } from 'commander';
import { presets } from '../model/presets.js';
import { openReporter } from '../observe/open-reporter.js';
import { defaultBudget } from '../pool/worker/budget.js';
import { createTrainer } from '../train/create-trainer.js';
import { resolveTrainOptions, type TrainOptions } from '../train/options.js';
import { checkpointFolder, prepareFolder } from './checkpoint-folder.js';
import { Interruption } from './interruption.js';
import { deviceWords, option, precisionWords, tokenizerDefault, tokenizerWords } from './option.js';
import { decimal, decimalOr, decimalPair, oneOf, text, whole } from './parse-options.js';

interface TrainFlags extends Omit<TrainOptions, 'budget'> {
  readonly retireEvaluations?: number;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ mayfly train --data book.txt --steps 2000 --out runs/book
  $ mayfly train --resume runs/book --steps 4000
  $ mayfly train --model stories260K.bin --data stories.u16 --lr 1e-4 --batch 4 --seq 64
  $ mayfly train --data src --weights static --retire-after 40 --json > run.jsonl

SIGINT (Ctrl-C) finishes the step, writes a checkpoint and says how to resume; a second one ends at once.`;

/** `mayfly train`. */
export function addTrainCommand(program: Command): void {
  // What applies when an option is left out, from where it is decided.
  const defaults = resolveTrainOptions({ data: 'FILE' }, availableParallelism());
  program
    .command('train')
    .description('Train a model on text or tokens, in worker processes that retire')
    .optionsGroup('Model and data:')
    .addOption(
      option(
        '--model <model>',
        `preset (${Object.keys(presets).join(', ')}), llama2.c FILE.bin, DIR of a run or of a Hugging Face model`,
        text,
        defaults.model,
      ),
    )
    .addOption(option('--data <path>', 'text file, folder of text files, or token stream (FILE.u16)', text))
    .addOption(option('--tokenizer <name>', tokenizerWords, text, tokenizerDefault))
    .addOption(option('--batch <n>', 'windows per pass', whole(1), defaults.batch))
    .addOption(option('--seq <n>', 'tokens per window', whole(1), "128, or the model's context if shorter"))
    .addOption(
      option('--order <order>', 'windows: random or sequential', oneOf('random', 'sequential'), defaults.order),
    )
    .addOption(option('--seed <n>', 'of the first parameters and the order', whole(0), defaults.seed))
    .optionsGroup('Optimizer:')
    .addOption(option('--steps <n>', 'last step, counted from the beginning of the run', whole(1), defaults.steps))
    .addOption(option('--accumulate <n>', 'passes per step', whole(1), defaults.accumulate))
    .addOption(option('--lr <x>', 'highest learning rate', decimal, defaults.lr))
    .addOption(option('--warmup <n>', 'steps of linear warm-up', whole(0), defaults.warmup))
    .addOption(option('--schedule <name>', 'constant or cosine', oneOf('constant', 'cosine'), defaults.schedule))
    .addOption(option('--min-lr <x>', 'learning rate at the end of a cosine', decimal, 'a tenth of --lr'))
    .addOption(option('--betas <a,b>', "AdamW's", decimalPair, defaults.betas.join(',')))
    .addOption(option('--eps <x>', "AdamW's", decimal, defaults.eps))
    .addOption(option('--weight-decay <x>', 'decoupled; not on norms', decimal, defaults.weightDecay))
    .addOption(option('--clip <x>', 'largest global gradient norm; 0: any', decimal, defaults.clip))
    .addOption(option('--loss-scale <x>', 'a number, or dynamic', decimalOr('dynamic'), defaults.lossScale))
    .addOption(
      option('--max-skips <n>', 'skipped steps in a row that end the run as diverged', whole(1), defaults.maxSkips),
    )
    .optionsGroup('Workers:')
    .addOption(option('--device <name>', deviceWords, text, defaults.device))
    .addOption(option('--workers <n>', 'processes that evaluate kernels', whole(1), defaults.workers))
    .addOption(option('--standby <n>', 'started processes kept ready to take over', whole(0), defaults.standby))
    .addOption(option('--threads <n>', "threads of each worker's device", whole(1), 'cores / workers'))
    .addOption(
      option('--host-threads <n>', 'threads for weight gradients; 0: the main one', whole(0), defaults.hostThreads),
    )
    .addOption(option('--precision <kind>', precisionWords, oneOf('exact', 'fast'), defaults.precision))
    .addOption(
      option(
        '--weights <kind>',
        'dynamic: written to memory; static: compiled',
        oneOf('dynamic', 'static'),
        defaults.weights,
      ),
    )
    .addOption(
      option('--retire-after <n>', 'compilations after which a worker retires', whole(1), defaultBudget.compilations),
    )
    .addOption(option('--retire-evaluations <n>', 'evaluations after which a worker retires', whole(1), 'never'))
    .optionsGroup('Checkpoints and output:')
    .addOption(option('--out <dir>', 'folder for checkpoints', text, 'runs/<time>, or the folder resumed from'))
    .addOption(option('--checkpoint-every <n>', 'steps; 0: only at the end', whole(0), defaults.checkpointEvery))
    .addOption(option('--keep <n>', 'checkpoints kept', whole(1), defaults.keep))
    .addOption(option('--resume <dir>', 'go on with the run of this folder; other options override its own', text))
    .option('--json', 'one JSON object per line on stdout, nothing else')
    .addHelpText('after', examples)
    .action(train);
}

async function train({ json = false, retireEvaluations, ...flags }: TrainFlags): Promise<void> {
  if (flags.data === undefined && flags.resume === undefined) {
    throw new MayflyError('ERR_INVALID_ARGUMENT', 'Expected --data with text or tokens, or --resume, got neither');
  }
  using reporter = openReporter(process.stdout, { json });
  using interruption = new Interruption((signal) => {
    reporter.note('interrupt', { signal }, `${signal}: finishing the step; once more to stop at once`);
  });
  const out = await checkpointFolder(flags);
  await using trainer = await createTrainer({
    ...flags,
    out,
    budget: retireEvaluations === undefined ? {} : { evaluations: retireEvaluations },
  });
  await prepareFolder(out, flags.resume);
  reporter.start(trainer);
  const summary = await trainer.train({ signal: interruption.signal });
  reporter.done(summary);
  if (interruption.exitCode !== null) process.exitCode = interruption.exitCode;
}
