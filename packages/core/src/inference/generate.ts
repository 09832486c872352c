import { invalidArgument } from '@mayfly/native';
import { anyText, flag, rule, whole } from '../check.js';
import { checkIds } from '../data/check-tokens.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { loadModel, withAdapter } from '../model/load-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { continueText, type GeneratedToken } from './continue-text.js';
import { type InferenceOptions, inferenceOptions } from './inference-session.js';
import { modelTokenizer } from './model-tokenizer.js';
import type { SamplingOptions } from './sampler.js';
import { modelOption, pathOr, tokenizerOption } from './shared-options.js';
import { openTextSession } from './text-session.js';
import { tokenGeneratorOptions } from './token-generator.js';

/** Options of `generate` and `openChat`: the model, how tokens are drawn, and where a text ends. */
export interface WritingOptions extends InferenceOptions, SamplingOptions {
  /** A llama2.c checkpoint, a folder of Hugging Face's transformers, a checkpoint of Mayfly, or a folder of these. */
  readonly model: string;
  /** `bytes` or a file. Default: the model's own. */
  readonly tokenizer?: string | Tokenizer | undefined;
  /** Tokens to draw. Default 256. */
  readonly maxTokens?: number | undefined;
  /** Stop where a token is drawn that ends a text: the tokenizer's `stops`. Default true. */
  readonly stopAtEnd?: boolean | undefined;
  /** Strings that end the text and are not part of it. Default: none. */
  readonly stop?: string | readonly string[] | undefined;
  /** Tokens that end the text, beside the tokenizer's `stops`. Default: none. */
  readonly stopIds?: number | readonly number[] | undefined;
  /**
   * Tokens of a text at most: of those before, keys and values are kept. A text that reaches it goes on from its last half. Default:
   * prompt and tokens to draw, or the model's context if that is shorter; of a chat 4,096, or the model's.
   */
  readonly context?: number | undefined;
}

export interface GenerateOptions extends WritingOptions {
  /** Text to be continued. Default: empty, which needs a tokenizer with a beginning-of-sequence token. */
  readonly prompt?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Contexts are multiples of this, so that few programs serve all lengths. */
const CONTEXT_MULTIPLE = 16;

const { stop: _, tokenizer: __, signal, ...drawing } = tokenGeneratorOptions;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** The table of `WritingOptions`. */
export const writingOptions = {
  model: modelOption,
  tokenizer: {
    ...tokenizerOption,
    rule: pathOr<Tokenizer>('a name, a path or a tokenizer', (value) => 'encode' in value),
  },
  stopAtEnd: { rule: flag, default: true },
  ...drawing,
  stop: {
    rule: rule<string | readonly string[]>(
      (value) => ([value].flat().every(isText) ? null : 'a text or a list of texts, none of them empty'),
      String,
    ),
    ...{ flag: '--stop <text>', help: 'end before this text; may be repeated', repeats: true },
  },
  stopIds: {
    rule: rule<number | readonly number[]>(
      (value) => ([value].flat().every((id) => Number.isSafeInteger(id)) ? null : 'a token id or a list of them'),
      Number,
    ),
    ...{ flag: '--stop-id <id>', help: 'end at this token; may be repeated', repeats: true },
  },
  context: {
    rule: whole(1),
    defaultText: 'as long as the text will be',
    ...{ flag: '--context <t>', help: 'tokens of a text at most' },
  },
  ...inferenceOptions,
} as const satisfies OptionTable<WritingOptions>;

/** The table of `GenerateOptions`. */
export const generateOptions = {
  prompt: { rule: anyText, default: '', flag: '--prompt <text>', help: 'text to continue' },
  ...writingOptions,
  signal,
} as const satisfies OptionTable<GenerateOptions>;

/** Continues a prompt. The same options give the same tokens. */
export async function* generate(given: GenerateOptions): AsyncGenerator<GeneratedToken, void, undefined> {
  const { options } = resolveOptions('generate', generateOptions, given);
  const { maxTokens } = options;
  const model = withAdapter(await loadModel(options.model), options.adapter);
  const { vocab } = model.config;
  const tokenizer = modelTokenizer(options.tokenizer ?? model.tokenizer, options.model, vocab);
  const prompt = tokenizer.encode(options.prompt);
  if (prompt.length === 0)
    throw invalidArgument('prompt', 'some text, since the tokenizer has no token to begin with', '');
  checkIds(prompt, vocab, 'prompt', tokenizer);
  const needed = Math.ceil((prompt.length + maxTokens) / CONTEXT_MULTIPLE) * CONTEXT_MULTIPLE;
  await using session = await openTextSession(
    model,
    contextOf(options.context, needed, model.config.sequence),
    options,
  );
  yield* continueText(session, tokenizer, prompt, endingOf(options, tokenizer));
}

/**
 * The context of a text.
 *
 * @param most The model's.
 * @throws `ERR_INVALID_ARGUMENT` for one that is longer than the model's.
 */
export function contextOf(given: number | undefined, fallback: number, most: number): number {
  if (given !== undefined && given > most)
    throw invalidArgument('context', `a whole number from 1 to the model's context of ${most}`, given);
  return given ?? Math.min(fallback, most);
}

/** Options that say how a text is drawn and where it ends. */
export function endingOf(
  {
    ...options
  }: SamplingOptions &
    Pick<WritingOptions, 'stop' | 'stopIds' | 'stopAtEnd'> & {
      readonly maxTokens: number;
      readonly signal?: AbortSignal | undefined;
    },
  tokenizer: Tokenizer,
) {
  const { temperature, topK, topP, seed, maxTokens, stop, stopIds, stopAtEnd, signal } = options;
  const ends = stopAtEnd ? (tokenizer.stops ?? [tokenizer.eos ?? []].flat()) : [];
  return {
    ...{ temperature, topK, topP, seed, maxTokens, signal },
    ...{ stop: [stop ?? []].flat(), stopIds: [...ends, ...[stopIds ?? []].flat()] },
  };
}
