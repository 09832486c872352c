import type { Tokenizer } from '../data/tokenizer.js';
import type { TextModel } from '../decoder/text-model.js';
import type { SamplingOptions } from './sampler.js';
import { StopText } from './stop-text.js';
import { generateTokens } from './token-generator.js';

/** One drawn token. */
export interface GeneratedToken {
  readonly id: number;
  /** The text that it completes; empty within a character of several tokens, and where the text may be the beginning of a stop. */
  readonly text: string;
}

/** Where a text ends, and how it is drawn. */
export interface ContinuationOptions extends SamplingOptions {
  readonly maxTokens: number;
  /** Strings before which the text ends. */
  readonly stop: readonly string[];
  /** Tokens that end the text. */
  readonly stopIds: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** Draws tokens that continue those of a prompt, with their text. */
export async function* continueText(
  model: TextModel,
  tokenizer: Tokenizer,
  prompt: readonly number[],
  { stop, stopIds, ...drawing }: ContinuationOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  // The decoder continues at the end of the prompt: within a character, or after BOS, whose space is removed.
  const decoder = tokenizer.decoder(prompt);
  const until = new StopText(stop);
  const drawn = generateTokens(model, prompt, { ...drawing, stop: stopIds, tokenizer });
  // Each token is emitted when the next one is known: the last one is emitted with the text that was held back.
  let last: GeneratedToken | undefined;
  const withRest = function* (): Generator<GeneratedToken> {
    if (last !== undefined) yield { ...last, text: last.text + until.write(decoder.end()) + until.end() };
  };
  try {
    for await (const id of drawn) {
      if (last !== undefined) yield last;
      last = { id, text: until.write(decoder.write(id)) };
      if (until.ended) break;
    }
  } catch (error) {
    yield* withRest();
    throw error;
  }
  yield* withRest();
}
