import { resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { hashTokens } from '../data/content-hash.js';
import type { TokenStream } from '../data/token-stream.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { hashTokenizer, type TokenizerFiles } from '../data/tokenizer-files.js';
import { type InputIdentity, identifyModel } from '../model/model-identity.js';

/** Everything outside the options that a run depends on. */
export interface RunInputs {
  /** Null for a preset, and for a shape given as an object. */
  readonly model: InputIdentity | null;
  /** `sha256` is that of the tokens, whatever file they come from. */
  readonly data: InputIdentity & { readonly tokens: number };
  /** Absent where the run has no validation data of its own. */
  readonly validation?: InputIdentity & { readonly tokens: number };
  /** Null if tokens were given without a tokenizer. */
  readonly tokenizer: InputIdentity | null;
}

/**
 * Checks that a resumed run has the same inputs as before.
 *
 * @throws `ERR_CHANGED_INPUT`, which names each that differs.
 */
export function expectSameInputs(before: RunInputs, now: RunInputs): void {
  const changes = (['model', 'data', 'validation', 'tokenizer'] as const).flatMap((name) => {
    const [old = null, found = null] = [before[name], now[name]];
    // Missing files are not an error: a checkpoint contains parameters and tokenizer.
    if (old === null || found === null || old.sha256 === found.sha256) return [];
    const moved = old.source === found.source ? '' : `; it was ${old.source}`;
    const lengths = 'tokens' in old && 'tokens' in found ? `${old.tokens} tokens then, ${found.tokens} now; ` : '';
    const hashes = `SHA-256 ${old.sha256.slice(0, 16)}… then, ${found.sha256.slice(0, 16)}… now`;
    const called = name === 'validation' ? 'validation data' : name;
    return [`the ${called} at ${found.source} is not that of the run (${lengths}${hashes}${moved})`];
  });
  if (changes.length === 0) return;
  throw new MayflyError(
    'ERR_CHANGED_INPUT',
    `${changes.join('; ')}. Name the right one, or go on with --allow-changed-data (allowChangedData: true)`,
  );
}

/** The opened inputs of a run. */
export interface OpenInputs {
  /** Path of the model's files; undefined where it began with fresh parameters. */
  readonly model: string | undefined;
  readonly stream: TokenStream;
  /** The origin of `stream`. */
  readonly source: string;
  /** Validation data of its own. */
  readonly validation: { readonly stream: TokenStream; readonly source: string } | undefined;
  /** The model's number of token ids: every token has to be below it. */
  readonly vocab: number;
  readonly tokenizer: Tokenizer | undefined;
  readonly tokenizerFiles: TokenizerFiles | undefined;
  /** For each id, set to 1 where the data or the validation data have it. Default: none. */
  readonly seen?: SeenTokens | undefined;
}

/** The ids that data have: for each id of the vocabulary 1 or 0. */
export interface SeenTokens {
  readonly data: Uint8Array;
  readonly validation: Uint8Array;
}

/**
 * Reads all inputs of a run and hashes them.
 *
 * @throws `ERR_TOKEN_RANGE`; the errors of reading files.
 */
export async function identifyInputs(opened: OpenInputs): Promise<RunInputs> {
  const { model, stream, source, validation, vocab, tokenizer, tokenizerFiles: files, seen } = opened;
  const [data, heldOut, identity] = await Promise.all([
    hashTokens(stream, vocab, tokenizer, seen?.data),
    validation && hashTokens(validation.stream, vocab, tokenizer, seen?.validation),
    model === undefined ? null : identifyModel(model),
  ]);
  return {
    model: identity,
    data: { source, sha256: data, tokens: stream.length },
    ...(validation &&
      heldOut && { validation: { source: validation.source, sha256: heldOut, tokens: validation.stream.length } }),
    tokenizer: files === undefined ? null : { source: placeOf(files), sha256: hashTokenizer(files) },
  };
}

const placeOf = ({ name, files }: TokenizerFiles): string => (Object.keys(files).length === 0 ? name : resolve(name));
