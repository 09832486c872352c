import { isTokenFile } from './token-file.js';

/**
 * The tokenizer of a run by the options that its checkpoint keeps, as `openTokenizer` takes it; undefined for a run of tokens.
 * A run of text whose checkpoint names none read bytes: earlier versions had no name for them.
 */
export function runTokenizer({
  tokenizer,
  data,
}: {
  readonly tokenizer?: unknown;
  readonly data?: unknown;
}): string | undefined {
  if (typeof tokenizer === 'string') return tokenizer;
  return typeof data === 'string' && !isTokenFile(data) ? 'bytes' : undefined;
}
