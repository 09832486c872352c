import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord, readFile, readJson } from '../files/read-file.js';

/** Ids are below this; known vocabularies have up to 262,144. */
const LARGEST = 2 ** 22;

/** The tokens of a `tokenizer.json`, and the ids that it adds before and after a text. */
export interface TokenizerFile {
  readonly tokens: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
  /** The largest id plus one. */
  readonly vocab: number;
  /** As `vocab`, without added tokens. */
  readonly ordinary: number;
  /** Ids in front of a text, from the post-processor. */
  readonly before: readonly number[];
  /** Ids behind a text. */
  readonly after: readonly number[];
}

/** @throws `ERR_TOKENIZER` for ids that are no ids or are given twice, and for a post-processor that names no token. */
export function readTokenizerFile(json: Readonly<Record<string, unknown>>): TokenizerFile {
  if (!isRecord(json.model)) {
    const isVocabulary = Object.values(json).every((id) => typeof id === 'number');
    throw unexpected('the `model` of a tokenizer.json', isVocabulary ? 'a vocabulary alone (vocab.json)' : 'none');
  }
  expectModel(json.model);
  const tokens = new Map<number, string>();
  const ids = new Map<string, number>();
  let vocab = 0;
  const add = (token: unknown, id: unknown) => {
    if (!(Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < LARGEST) || typeof token !== 'string') {
      const expected = `tokens with whole ids from 0 to ${LARGEST - 1}`;
      throw unexpected(expected, `${describeValue(id)} for ${describeValue(token)}`);
    }
    const other = tokens.get(id as number) ?? token;
    if (other !== token) throw unexpected(`one token for the id ${id}`, `${quote(other)} and ${quote(token)}`);
    const otherId = ids.get(token) ?? id;
    if (otherId !== id && isRecord(json.model) && !Array.isArray(json.model.vocab)) {
      throw unexpected(`one id for the token ${quote(token)}`, `${otherId} and ${id}`);
    }
    tokens.set(id as number, token);
    ids.set(token, id as number);
    vocab = Math.max(vocab, (id as number) + 1);
  };
  const { vocab: pieces } = json.model;
  // A unigram model has a list of pieces with their scores, the others a table of ids.
  if (Array.isArray(pieces))
    for (const [id, piece] of pieces.entries()) add(Array.isArray(piece) ? piece[0] : piece, id);
  else if (isRecord(pieces)) for (const [piece, id] of Object.entries(pieces)) add(piece, id);
  else throw unexpected('the `vocab` of a tokenizer.json', describeValue(pieces));
  const ordinary = vocab;
  for (const token of listOf(json.added_tokens, 'added_tokens')) add(token.content, token.id);
  return { tokens, ids, vocab, ordinary, ...aroundText(json.post_processor, ids) };
}

/** Refuses models that the library does not implement. Old files have no type. */
function expectModel({ type, continuing_subword_prefix: prefix }: Readonly<Record<string, unknown>>): void {
  const known: readonly unknown[] = ['BPE', 'WordPiece', 'WordLevel', 'Unigram', undefined];
  if (!known.includes(type))
    throw unexpected('a model of type BPE, WordPiece, WordLevel or Unigram', describeValue(type));
  if (type === 'BPE' && (prefix ?? '') !== '') {
    throw unexpected('a BPE model without a continuing_subword_prefix', describeValue(prefix));
  }
}

/** The tokens that a post-processor adds before and after a single text. */
function aroundText(processor: unknown, idOf: ReadonlyMap<string, number>): Pick<TokenizerFile, 'before' | 'after'> {
  if (!isRecord(processor)) return { before: [], after: [] };
  const idsOf = (token: unknown): readonly number[] => {
    const special = isRecord(processor.special_tokens) ? processor.special_tokens : {};
    const own = typeof token === 'string' && Object.hasOwn(special, token) ? special[token] : undefined;
    const ids = isRecord(own) && Array.isArray(own.ids) ? own.ids : [idOf.get(String(token))];
    if (ids.every((id) => Number.isSafeInteger(id) && id >= 0 && id < LARGEST)) return ids;
    throw unexpected('a post_processor of known tokens', describeValue(token));
  };
  switch (processor.type) {
    case 'Sequence': {
      const inner = listOf(processor.processors, 'processors').map((step) => aroundText(step, idOf));
      return { before: inner.toReversed().flatMap(({ before }) => before), after: inner.flatMap(({ after }) => after) };
    }
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const [first, last] = [processor.cls, processor.sep].map((token) => (Array.isArray(token) ? token[0] : token));
      return { before: idsOf(first), after: idsOf(last) };
    }
    case 'TemplateProcessing': {
      const items = listOf(processor.single, 'single');
      const text = items.findIndex((item) => isRecord(item.Sequence));
      if (text < 0) throw unexpected('a post_processor that keeps the text', describeValue(processor.single));
      const idsIn = (part: typeof items) =>
        part.flatMap(({ SpecialToken: token }) => idsOf(isRecord(token) ? token.id : 0));
      return { before: idsIn(items.slice(0, text)), after: idsIn(items.slice(text + 1)) };
    }
    default:
      return { before: [], after: [] };
  }
}

function listOf(value: unknown, name: string): readonly Record<string, unknown>[] {
  if (Array.isArray(value) && value.every(isRecord)) return value;
  throw unexpected(`a list of objects for \`${name}\``, describeValue(value));
}

const quote = (token: string): string => describeValue(token);

function unexpected(expected: string, actual: string): MayflyError {
  return new MayflyError('ERR_TOKENIZER', `Expected ${expected}, got ${actual}`);
}

/** The JSON object in a file beside a `tokenizer.json`; empty if the file does not exist. */
export function readBeside(tokenizer: string, file: string): Readonly<Record<string, unknown>> {
  const path = join(dirname(tokenizer), file);
  return existsSync(path) ? readJson(path, 'ERR_TOKENIZER') : {};
}

/** The text of `chat_template.jinja` beside a `tokenizer.json`; undefined if the file does not exist. */
export function readChatTemplate(tokenizer: string): string | undefined {
  const path = join(dirname(tokenizer), 'chat_template.jinja');
  return existsSync(path) ? readFile(path, 'a chat template').toString('utf8') : undefined;
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
