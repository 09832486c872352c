import { openData } from '../data/open-data.js';
import { expectText } from '../data/text-files.js';
import { isTokenFile } from '../data/token-file.js';
import { expectTokens, splitTokens, type TokenStream } from '../data/token-stream.js';
import type { Tokenizer } from '../data/tokenizer.js';
import type { DisposeStack } from '../files/dispose-stack.js';

/** The tokens to train on, and those to evaluate on. */
export interface TrainingData {
  readonly training: TokenStream;
  readonly validation: TokenStream | undefined;
}

/**
 * Opens the validation data, or keeps the end of the training data for it.
 *
 * @param window Tokens in a window.
 * @param given The option `validation`.
 * @param readsBytes Whether files that are no text may be read as bytes.
 * @throws `ERR_DATA_SHORT`; the errors of `openData`.
 */
export async function openValidation(
  stream: TokenStream,
  window: number,
  given: string | number | TokenStream | undefined,
  {
    tokenizer,
    readsBytes,
    signal,
    opened,
  }: {
    readonly tokenizer: Tokenizer | undefined;
    readonly readsBytes: boolean;
    readonly signal: AbortSignal | undefined;
    readonly opened: DisposeStack;
  },
): Promise<TrainingData> {
  if (given === undefined) return { training: stream, validation: undefined };
  if (typeof given === 'number') return splitTokens(stream, window, given);
  if (typeof given === 'string' && !isTokenFile(given) && !readsBytes) expectText(given);
  const validation =
    typeof given === 'string'
      ? opened.adopt(await openData(given, { tokenizer, signal }), (own) => own.close())
      : given;
  expectTokens(validation, window + 1, `a window of ${window} and its last target`);
  return { training: stream, validation };
}
