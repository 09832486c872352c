import type { Decoder } from './decoder.js';
import { areFinite, expectFinite } from './finite.js';

/** A model that continues texts, token by token. */
export interface TextModel {
  /** Tokens of a text at most. */
  readonly context: number;
  /**
   * Logits of the token after a text, which has a token at least and `context` at most. The next call writes the same array.
   *
   * @throws `ERR_NOT_FINITE` if a logit is not finite.
   */
  next(text: readonly number[]): Promise<Float32Array>;
}

/**
 * Runs a decoder's window for every token: it is filled from the left, and causal attention hides the columns to the right of the last
 * token.
 */
export const wholeWindows = (decoder: Decoder): TextModel => ({
  get context() {
    return decoder.layers.shape.sequence;
  },
  async next(text) {
    await decoder.forward(text);
    const logits = await decoder.logits(text.length - 1);
    await expectFinite(areFinite(logits), decoder);
    return decoder.state.compact?.vocabulary.widen(logits) ?? logits;
  },
});
