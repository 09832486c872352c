import { Option } from 'commander';
import type { Parse } from './parse-options.js';

/**
 * An option with a value. What applies when it is left out is only told here, not set: the receiver knows it best, since a
 * resumed run has its own.
 */
export function option<Value>(flags: string, description: string, parse: Parse<Value>, fallback?: unknown): Option {
  const told = fallback === undefined ? description : `${description} (default: ${String(fallback)})`;
  const made = new Option(flags, told);
  return made.argParser((given: string) => parse(given, made.long ?? flags));
}

/** Standard words for what several commands take. */
export const deviceWords = 'auto, cpu or another device of this build';
export const precisionWords = 'of matrix products on the cpu: exact, or fast (bf16 operands, where that is faster)';
export const tokenizerWords = '`bytes`, a llama2.c tokenizer file or a tokenizer.json';
export const tokenizerDefault = "the model's own, else bytes";
