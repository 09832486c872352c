import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/describe-value.js';
import { readJson } from '../files/read-json.js';

/** A file beside a `tokenizer.json`; empty where it is not there. */
export function readBeside(tokenizer: string, file: string): Readonly<Record<string, unknown>> {
  const path = join(dirname(tokenizer), file);
  return existsSync(path) ? readJson(path, 'ERR_TOKENIZER') : {};
}

/**
 * The `tokenizer_config.json` beside a tokenizer. As in transformers, `special_tokens_map.json` overrules its names of BOS and EOS,
 * unless it has an `added_tokens_decoder`, as later versions write it.
 */
export function readTokenizerConfig(tokenizer: string): Readonly<Record<string, unknown>> {
  const config = readBeside(tokenizer, 'tokenizer_config.json');
  if (config.added_tokens_decoder !== undefined) return config;
  const named = readBeside(tokenizer, 'special_tokens_map.json');
  const { bos_token = config.bos_token, eos_token = config.eos_token } = named;
  return { ...config, bos_token, eos_token };
}

/**
 * The ids after which transformers ends a text: those of `generation_config.json` beside a `tokenizer.json`, else of
 * `config.json`.
 */
export function readStopIds(tokenizer: string): readonly number[] | undefined {
  for (const file of ['generation_config.json', 'config.json']) {
    const ids = readBeside(tokenizer, file).eos_token_id ?? undefined;
    if (ids === undefined) continue;
    const list = Array.isArray(ids) ? ids : [ids];
    if (list.every((id) => Number.isSafeInteger(id))) return list;
    const path = join(dirname(tokenizer), file);
    throw new MayflyError(
      'ERR_TOKENIZER',
      `${path}: Expected eos_token_id to be an id or a list of ids, got ${describeValue(ids)}`,
    );
  }
  return undefined;
}
