import { basename } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { abortSignal, text, whole } from '../check.js';
import { checkIds } from '../data/check-tokens.js';
import { type ChoiceItem, readChoiceItems } from '../data/choice-items.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { IGNORED_TARGET } from '../data/windows.js';
import type { Decoder } from '../decoder/decoder.js';
import { expectFinite } from '../decoder/finite.js';
import { ProgressReport } from '../files/progress.js';
import { loadModel, withAdapter } from '../model/load-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { type InferenceOptions, InferenceSession, inferenceOptions } from './inference-session.js';
import { modelTokenizer } from './model-tokenizer.js';
import { modelOption, tokenizerOption } from './shared-options.js';

/** Options of `evaluateChoices`. */
export interface ChoicesOptions extends InferenceOptions {
  /** A llama2.c checkpoint, a folder of Hugging Face's transformers, a checkpoint of Mayfly, or a folder of these. */
  readonly model: string;
  /** A file of JSON Lines: `{"context" or "question", "choices", "answer"}`; `answer` is an index from 0, or a choice. */
  readonly choices: string;
  /** `bytes` or a file. Default: the model's own. */
  readonly tokenizer?: string | undefined;
  /** Choices per forward pass. Default 8. */
  readonly batch?: number | undefined;
  /** Ends the evaluation between two passes, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The table of `ChoicesOptions`. */
export const choicesOptions = {
  model: modelOption,
  choices: {
    ...{ rule: text, required: true, flag: '--choices <file>' },
    help: 'multiple-choice items (.jsonl), in place of --data',
  },
  tokenizer: tokenizerOption,
  batch: { rule: whole(1), default: 8, flag: '--batch <n>', help: 'windows per pass' },
  signal: { rule: abortSignal },
  ...inferenceOptions,
} as const satisfies OptionTable<ChoicesOptions>;

/** How often a model prefers the right answer. */
export interface ChoicesResult {
  /** Share of the items whose right answer is the most likely one. */
  readonly acc: number;
  /** The same with log-likelihoods divided by the answers' lengths in characters. */
  readonly accNorm: number;
  readonly items: number;
}

/** Windows are multiples of this. */
const WINDOW_MULTIPLE = 16;

/** An answer behind its context, as tokens. */
interface Request {
  /** All tokens; the model sees all but the last. */
  readonly tokens: readonly number[];
  /** Index of the answer's first token. */
  readonly start: number;
}

/**
 * Multiple choice by log-likelihood, as EleutherAI's lm-evaluation-harness has it: the answer of a model is the choice whose tokens,
 * behind the context and a space, have the largest sum of log-probabilities. Of a text longer than the model's context, the end
 * counts.
 *
 * @throws `ERR_DATA_FORMAT`; `ERR_NOT_FINITE`; as `loadModel` and `openTokenizer`; the signal's reason.
 */
export async function evaluateChoices(given: ChoicesOptions): Promise<ChoicesResult> {
  const { options } = resolveOptions('evaluateChoices', choicesOptions, given);
  const items = readChoiceItems(options.choices);
  const model = withAdapter(await loadModel(options.model), options.adapter);
  const { vocab, sequence } = model.config;
  const tokenizer = modelTokenizer(options.tokenizer ?? model.tokenizer, options.model, vocab);
  const requests = items.map((item) =>
    item.choices.map((choice) => requestOf(item, choice, tokenizer, options.choices)),
  );
  for (const { tokens } of requests.flat()) checkIds(tokens, vocab, options.choices, tokenizer);
  const longest = requests.flat().reduce((most, { tokens }) => Math.max(most, tokens.length - 1), 1);
  const window = Math.min(Math.ceil(longest / WINDOW_MULTIPLE) * WINDOW_MULTIPLE, sequence);
  await using session = await InferenceSession.open(model, options.batch, window, options);
  const report = new ProgressReport({
    task: 'evaluate',
    source: basename(options.choices),
    total: requests.flat().length,
  });
  const scores = await logLikelihoods(session.decoder, requests.flat(), report, options.signal);
  let [right, rightNorm, next] = [0, 0, 0];
  for (const { choices, answer } of items) {
    const own = scores.slice(next, next + choices.length);
    next += choices.length;
    if (indexOfLargest(own) === answer) right += 1;
    if (indexOfLargest(own.map((score, index) => score / Array.from(choices[index]!).length)) === answer)
      rightNorm += 1;
  }
  return { acc: right / items.length, accNorm: rightNorm / items.length, items: items.length };
}

/** The answer's tokens are those that the whole text has more than its context: a tokenizer may join the space with a word. */
function requestOf({ context, choices }: ChoiceItem, choice: string, tokenizer: Tokenizer, path: string): Request {
  const known = context.trimEnd();
  const before = tokenizer.encode(known);
  const tokens = tokenizer.encode(known === '' ? choice : `${known} ${choice}`);
  const start = Math.min(before.length, tokens.length - 1);
  if (start > 0) return { tokens, start };
  throw new MayflyError(
    'ERR_DATA_FORMAT',
    `${path}: Expected a context before ${choices.length} choices, since the tokenizer has no token to begin with, got none`,
  );
}

/** The sum of log-probabilities of each answer. */
async function logLikelihoods(
  decoder: Decoder,
  requests: readonly Request[],
  report: ProgressReport,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { batch, sequence } = decoder.layers.shape;
  const scores: number[] = [];
  for (let first = 0; first < requests.length; first += batch) {
    signal?.throwIfAborted();
    const part = requests.slice(first, first + batch);
    const inputs = new Int32Array(part.length * sequence);
    const targets = part.map(({ tokens, start }, row) => {
      const cut = Math.max(0, tokens.length - 1 - sequence);
      const own = new Int32Array(part.length * sequence).fill(IGNORED_TARGET);
      for (let index = cut; index < tokens.length - 1; index++) {
        const column = row * sequence + index - cut;
        inputs[column] = tokens[index]!;
        if (index + 1 >= start) own[column] = tokens[index + 1]!;
      }
      return own;
    });
    await decoder.forward(inputs);
    // The classifier runs over the columns of one answer at a time: each column once in all.
    for (const own of targets) scores.push(-(await decoder.crossEntropy(own)));
    await expectFinite(scores.every(Number.isFinite), decoder);
    report.add(part.length);
  }
  return scores;
}

/** The first of the largest. */
const indexOfLargest = (values: readonly number[]): number => values.indexOf(Math.max(...values));
