import { invalidArgument, MayflyError } from '@mayfly/native';
import { TokenSlice, type TokenStream } from './token-stream.js';

export interface TokenParts {
  readonly training: TokenStream;
  /** The end of the stream; absent where the fraction is 0. */
  readonly validation: TokenStream | undefined;
}

/**
 * Keeps the end of a stream for validation.
 *
 * @param window Tokens in a window; either part holds one at least (window + 1 tokens).
 * @param fraction Share of the stream for validation; 0 keeps none. Default: 0.05.
 * @throws `ERR_DATA_SHORT` where the stream cannot give a window to each part.
 */
export function splitTokens(stream: TokenStream, window: number, fraction = 0.05): TokenParts {
  if (!(fraction >= 0 && fraction < 1)) throw invalidArgument('validation', 'a fraction from 0 to below 1', fraction);
  if (fraction === 0) {
    expectTokens(stream, window + 1, `a window of ${window} and its last target`);
    return { training: stream, validation: undefined };
  }
  expectTokens(stream, 2 * (window + 1), `a window of ${window} each for training and validation`);
  const kept = Math.max(window + 1, Math.floor(stream.length * fraction));
  const border = Math.max(window + 1, stream.length - kept);
  return {
    training: new TokenSlice(stream, 0, border),
    validation: new TokenSlice(stream, border, stream.length),
  };
}

export function expectTokens(stream: TokenStream, count: number, purpose: string): void {
  if (stream.length >= count) return;
  throw new MayflyError(
    'ERR_DATA_SHORT',
    `${stream.source}: Expected at least ${count} tokens (${purpose}), got ${stream.length}`,
  );
}
