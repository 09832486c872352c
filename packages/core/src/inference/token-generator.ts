import { abortSignal, object, rule, whole } from '../check.js';
import type { Tokenizer } from '../data/tokenizer.js';
import type { TextModel } from '../decoder/text-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { Sampler, type SamplingOptions, samplingOptions } from './sampler.js';

/** Options of `Trainer.generate`: how tokens are drawn, and where the text ends. */
export interface TokenGeneratorOptions extends SamplingOptions {
  /** Tokens to draw. Default 256. */
  readonly maxTokens?: number | undefined;
  /** Tokens that end the text and are not part of it. Default: none. */
  readonly stop?: number | readonly number[] | undefined;
  /** Restricts the draws to its tokens: a model may have more rows than its tokenizer has tokens. Default: no restriction. */
  readonly tokenizer?: Pick<Tokenizer, 'vocab' | 'holes'> | undefined;
  /** Ends the generation before the next token, with its reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** The table of `TokenGeneratorOptions`. */
export const tokenGeneratorOptions = {
  ...samplingOptions,
  maxTokens: { rule: whole(0), default: 256, flag: '--max-tokens <n>', help: 'tokens to draw' },
  stop: {
    rule: rule<number | readonly number[]>(
      (value) => ([value].flat().every((id) => Number.isSafeInteger(id)) ? null : 'a token id or a list of them'),
      Number,
    ),
  },
  tokenizer: { rule: object<Pick<Tokenizer, 'vocab' | 'holes'>>() },
  signal: { rule: abortSignal },
} as const satisfies OptionTable<TokenGeneratorOptions>;

/**
 * Draws tokens that continue `prompt` (one token at least). Where the text reaches the model's context, it goes on from its last half.
 *
 * @throws `ERR_NOT_FINITE` if a logit is not finite.
 */
export async function* generateTokens(
  model: TextModel,
  prompt: readonly number[],
  given: TokenGeneratorOptions = {},
): AsyncGenerator<number, void, undefined> {
  const { options } = resolveOptions('generate', tokenGeneratorOptions, given);
  const { maxTokens, stop, tokenizer, signal, ...sampling } = options;
  const stops = new Set([stop ?? []].flat());
  const sampler = new Sampler(sampling);
  let text = prompt.slice(-model.context);
  for (let drawn = 0; drawn < maxTokens; drawn++) {
    signal?.throwIfAborted();
    const logits = await model.next(text);
    const token = sampler.sample(tokenizer === undefined ? logits : drawable(logits, tokenizer));
    if (stops.has(token)) return;
    yield token;
    if (text.length === model.context) text = text.slice(-Math.floor(model.context / 2));
    text.push(token);
  }
}

/** The logits of tokens that exist: others are cut off or, within the vocabulary, overwritten. */
function drawable(logits: Float32Array, { vocab, holes = [] }: Pick<Tokenizer, 'vocab' | 'holes'>): Float32Array {
  const known = logits.subarray(0, vocab);
  for (const id of holes) if (id < known.length) known[id] = Number.NEGATIVE_INFINITY;
  return known;
}
