import { anyText, decimal, rule, whole } from '../check.js';
import type { TokenStream } from '../data/token-stream.js';
import { isTokenStream } from '../inference/shared-options.js';
import type { OptionTable } from '../option-table.js';

/** Options of training about looking at the model on the way. */
export interface ValidationOptions {
  /**
   * Data on which the loss is measured and which is not trained on: a file or folder like `data`, tokens at hand, or the share of `data`,
   * at its end, that is kept for it. Default: none.
   */
  readonly validation?: string | number | TokenStream | undefined;
  /** Steps from one evaluation on `validation` to the next; there is one before the first step and one after the last, too. Default 200. */
  readonly evaluateEvery?: number | undefined;
  /** Windows of an evaluation, from the beginning of the validation data; 0: all. Default 256. */
  readonly evaluateWindows?: number | undefined;
  /** Evaluations in a row without a lower loss than the lowest after which the run ends; 0: it goes on. Default 0. */
  readonly patience?: number | undefined;
  /** A prompt that the model continues every `sampleEvery` steps. Default: none. */
  readonly sample?: string | undefined;
  /** Steps from one sample to the next. Default: `evaluateEvery`. */
  readonly sampleEvery?: number | undefined;
  /** Tokens of a sample, each of which costs a forward pass of the batch. Default 64. */
  readonly sampleTokens?: number | undefined;
}

const group = 'Validation:';
const saved = { saved: true } as const;
const MOST = 1e12;

const validationRule = rule<string | number | TokenStream>((value) => {
  const isShare = typeof value === 'number' && value > 0 && value < 1;
  const isPath = typeof value === 'string' && value !== '' && !value.includes('\0');
  const isStream = typeof value === 'object' && value !== null && isTokenStream(value);
  return isShare || isPath || isStream ? null : 'a path, a stream of tokens, or a share above 0 and below 1';
}, decimalOrPath);

function decimalOrPath(text: string): string | number {
  const value = decimal(text);
  return Number.isNaN(value) ? text : value;
}

/** The table of `ValidationOptions`. */
export const validationOptions = {
  validation: {
    ...{ rule: validationRule, defaultText: 'none', ...saved, flag: '--validation <path|share>', group },
    help: 'file or folder, or a share of --data such as 0.05, to measure the loss on',
  },
  evaluateEvery: {
    ...{ rule: whole(1, MOST), default: 200, ...saved },
    ...{ flag: '--evaluate-every <n>', help: 'steps between evaluations on --validation', group },
  },
  evaluateWindows: {
    ...{ rule: whole(0, MOST), default: 256, ...saved },
    ...{ flag: '--evaluate-windows <n>', help: 'windows of an evaluation; 0: all', group },
  },
  patience: {
    ...{ rule: whole(0, MOST), default: 0, ...saved, flag: '--patience <n>', group },
    help: 'evaluations in a row without a lower loss that end the run; 0: none do',
  },
  sample: {
    ...{ rule: anyText, defaultText: 'none', ...saved },
    ...{ flag: '--sample <prompt>', help: 'text that the model continues on the way', group },
  },
  sampleEvery: {
    ...{ rule: whole(1, MOST), derive: ({ evaluateEvery }) => evaluateEvery as number, ...saved },
    ...{ defaultText: 'as --evaluate-every', flag: '--sample-every <n>', help: 'steps between samples', group },
  },
  sampleTokens: {
    ...{ rule: whole(1, 2 ** 24), default: 64, ...saved },
    ...{ flag: '--sample-tokens <n>', help: 'tokens of a sample', group },
  },
} as const satisfies OptionTable<ValidationOptions>;
