import { MayflyError } from '@mayfly/native';
import { checkTokenizer } from '../data/check-tokens.js';
import { openTokenizer } from '../data/open-tokenizer.js';
import type { Tokenizer } from '../data/tokenizer.js';
import type { TokenizerFiles } from '../data/tokenizer-files.js';

/**
 * The tokenizer for a model's text.
 *
 * @param named The user's choice, else the model's own. Text is read as bytes only where one of them says `bytes`.
 * @param model Its name, for the error.
 * @param vocab The model's ids.
 * @throws `ERR_TOKENIZER` where there is none, or one with more ordinary ids than the model; what `openTokenizer` throws.
 */
export function modelTokenizer(
  named: string | TokenizerFiles | Tokenizer | undefined,
  model: string,
  vocab: number,
): Tokenizer {
  if (named === undefined) {
    const remedy = 'name one with --tokenizer; `bytes` reads text as bytes';
    throw new MayflyError(
      'ERR_TOKENIZER',
      `${model}: Expected a tokenizer for text, got a model without one: ${remedy}`,
    );
  }
  const tokenizer = typeof named === 'object' && 'encode' in named ? named : openTokenizer(named);
  checkTokenizer(tokenizer, vocab);
  return tokenizer;
}
