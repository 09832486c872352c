import { isTokenData } from '../data/data-files.js';
import { type OpenDataOptions, openData } from '../data/open-data.js';
import { expectText } from '../data/text-files.js';
import { expectTokens, splitTokens, type TokenStream } from '../data/token-stream.js';
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
 * @param reading How the training data were opened.
 * @param readsBytes Whether files that are no text may be read as bytes.
 * @throws `ERR_DATA_SHORT`; the errors of `openData`.
 */
export async function openValidation(
  stream: TokenStream,
  window: number,
  given: string | number | TokenStream | undefined,
  {
    reading,
    readsBytes,
    opened,
  }: {
    readonly reading: OpenDataOptions;
    readonly readsBytes: boolean;
    readonly opened: DisposeStack;
  },
): Promise<TrainingData> {
  if (given === undefined) return { training: stream, validation: undefined };
  if (typeof given === 'number') return splitTokens(stream, window, given);
  const { format } = reading;
  if (typeof given === 'string' && !isTokenData(given, format) && !readsBytes) expectText(given, format);
  const validation =
    typeof given === 'string' ? opened.adopt(await openData(given, reading), (own) => own.close()) : given;
  expectTokens(validation, window + 1, `a window of ${window} and its last target`);
  return { training: stream, validation };
}
