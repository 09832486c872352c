import { invalidArgument } from '@mayfly/native';
import { anyText, flag } from '../check.js';
import { checkIds } from '../data/check-tokens.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { loadModel } from '../model/load-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { type InferenceOptions, inferenceOptions } from './inference-session.js';
import { modelTokenizer } from './model-tokenizer.js';
import type { SamplingOptions } from './sampler.js';
import { modelOption, pathOr, tokenizerOption } from './shared-options.js';
import { openTextSession } from './text-session.js';
import { generateTokens, tokenGeneratorOptions } from './token-generator.js';

export interface GenerateOptions extends InferenceOptions, SamplingOptions {
  /** A llama2.c checkpoint, a folder of Hugging Face's transformers, a checkpoint of Mayfly, or a folder of these. */
  readonly model: string;
  /** `bytes` or a file. Default: the model's own. */
  readonly tokenizer?: string | Tokenizer | undefined;
  /** Text to be continued. Default: empty, which needs a tokenizer with a beginning-of-sequence token. */
  readonly prompt?: string | undefined;
  /** Tokens to draw. Default 256. */
  readonly maxTokens?: number | undefined;
  /** Stop where a token is drawn that ends a text: the tokenizer's `stops`. Default true. */
  readonly stopAtEnd?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One drawn token. */
export interface GeneratedToken {
  readonly id: number;
  /** The text that it completes; empty within a character of several tokens. */
  readonly text: string;
}

/** Windows are multiples of this, so that few programs serve all lengths. */
const WINDOW_MULTIPLE = 16;

const { stop: _, tokenizer: __, signal, ...drawing } = tokenGeneratorOptions;

/** The table of `GenerateOptions`. */
export const generateOptions = {
  model: modelOption,
  tokenizer: {
    ...tokenizerOption,
    rule: pathOr<Tokenizer>('a name, a path or a tokenizer', (value) => 'encode' in value),
  },
  prompt: { rule: anyText, default: '', flag: '--prompt <text>', help: 'text to continue' },
  stopAtEnd: { rule: flag, default: true },
  ...drawing,
  ...inferenceOptions,
  signal,
} as const satisfies OptionTable<GenerateOptions>;

/** Continues a prompt. The same options give the same tokens. */
export async function* generate(given: GenerateOptions): AsyncGenerator<GeneratedToken, void, undefined> {
  const options = resolveOptions('generate', generateOptions, given).options;
  const { maxTokens, stopAtEnd, temperature, topK, topP, seed } = options;
  const model = await loadModel(options.model);
  const { vocab } = model.config;
  const tokenizer = modelTokenizer(options.tokenizer ?? model.tokenizer, options.model, vocab);
  const prompt = tokenizer.encode(options.prompt ?? '');
  if (prompt.length === 0)
    throw invalidArgument('prompt', 'some text, since the tokenizer has no token to begin with', '');
  checkIds(prompt, vocab, 'prompt', tokenizer);
  const wanted = Math.ceil((prompt.length + maxTokens) / WINDOW_MULTIPLE) * WINDOW_MULTIPLE;
  await using session = await openTextSession(model, Math.min(wanted, model.config.sequence), options);
  // The decoder continues at the end of the prompt: within a character, or after BOS, whose space is removed.
  const decoder = tokenizer.decoder(prompt);
  const stop = stopAtEnd ? (tokenizer.stops ?? tokenizer.eos) : undefined;
  const drawn = generateTokens(session, prompt, {
    ...{ temperature, topK, topP, seed },
    ...{ maxTokens, stop, tokenizer, signal: options.signal },
  });
  // Each token is emitted when the next one is known: the last one is emitted with the text that the decoder held back.
  let last: GeneratedToken | undefined;
  const withRest = function* (): Generator<GeneratedToken> {
    if (last !== undefined) yield { ...last, text: last.text + decoder.end() };
  };
  try {
    for await (const id of drawn) {
      if (last !== undefined) yield last;
      last = { id, text: decoder.write(id) };
    }
  } catch (error) {
    yield* withRest();
    throw error;
  }
  yield* withRest();
}
