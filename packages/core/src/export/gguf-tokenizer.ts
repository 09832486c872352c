import { isDeepStrictEqual } from 'node:util';
import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord } from '../files/read-file.js';
import type { CarriedTokenizer } from './carried-tokenizer.js';
import type { GgufValue } from './gguf-file.js';
import { byteCharacters, sentencePieces } from './tokenizer-json.js';

/** llama.cpp's types of tokens. */
const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Tokens by id, as llama.cpp has them. */
interface Vocabulary {
  readonly tokens: string[];
  readonly types: number[];
  /** Of SentencePiece's kind. */
  readonly scores?: number[];
  /** Of GPT-2's kind: two tokens with a space between them, the first to merge first. */
  readonly merges?: readonly string[];
  /** llama.cpp's name of how a text is cut before merging. */
  readonly pre: string;
  readonly settings: Readonly<Record<string, GgufValue>>;
}

/** A tokenizer for llama.cpp. */
export interface GgufTokenizer {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly warnings: readonly string[];
}

/**
 * The keys `tokenizer.*` for llama.cpp. A vocabulary has as many tokens as the model has rows: the rest is marked as unused, and
 * tokens beyond the rows are left out.
 *
 * @throws `ERR_TOKENIZER` for a kind of tokenizer, or a way of cutting a text, for which llama.cpp has no name.
 */
export function ggufTokenizer(tokenizer: CarriedTokenizer, rows: number): GgufTokenizer {
  const { tokens, types, scores, merges, pre, settings } = vocabularyOf(tokenizer);
  for (let id = tokens.length; id < rows; id++) {
    tokens.push(`[PAD${id}]`);
    types.push(TokenType.unused);
    scores?.push(UNMERGED);
  }
  const { chatTemplate, opened } = tokenizer;
  const ids = {
    bos: opened.bos ?? namedToken(tokenizer, 'bos_token'),
    eos: opened.eos ?? namedToken(tokenizer, 'eos_token'),
    unknown: namedToken(tokenizer, 'unk_token'),
    padding: namedToken(tokenizer, 'pad_token'),
  };
  const metadata: Record<string, GgufValue> = {
    'tokenizer.ggml.model': { string: scores === undefined ? 'gpt2' : 'llama' },
    'tokenizer.ggml.pre': { string: pre },
    'tokenizer.ggml.tokens': { strings: tokens.slice(0, rows) },
    'tokenizer.ggml.token_type': { i32s: types.slice(0, rows) },
    ...(scores === undefined ? {} : { 'tokenizer.ggml.scores': { f32s: scores.slice(0, rows) } }),
    ...(merges === undefined ? {} : { 'tokenizer.ggml.merges': { strings: merges } }),
    ...Object.fromEntries(
      Object.entries(ids)
        .filter(([, id]) => id !== undefined && id < rows)
        .map(([name, id]) => [`tokenizer.ggml.${name}_token_id`, { u32: id! }]),
    ),
    'tokenizer.ggml.add_bos_token': { bool: opened.bos !== undefined },
    'tokenizer.ggml.add_eos_token': { bool: false },
    ...settings,
    ...(chatTemplate === undefined ? {} : { 'tokenizer.chat_template': { string: chatTemplate } }),
  };
  const bytes = types.filter((type) => type === TokenType.byte).length;
  const warnings =
    scores === undefined || bytes === 256
      ? []
      : [`the tokenizer has ${bytes} of 256 byte tokens: llama.cpp ends at a character that the vocabulary lacks`];
  return { metadata, warnings };
}

/** The score of a token that no merge makes. */
const UNMERGED = -1e6;

function vocabularyOf(tokenizer: CarriedTokenizer): Vocabulary {
  switch (tokenizer.kind) {
    case 'bytes':
      return {
        tokens: [...byteCharacters],
        types: byteCharacters.map(() => TokenType.normal),
        merges: [],
        pre: 'gpt-2',
        settings: {},
      };
    case 'llama2c': {
      const { pieces, scores } = sentencePieces(tokenizer.source);
      const types = pieces.map((piece, id) => sentencePieceType(piece, id < 3));
      return { tokens: pieces, types, scores: [...scores], ...sentencePiece(true) };
    }
    default:
      return vocabularyOfJson(tokenizer);
  }
}

function vocabularyOfJson(tokenizer: CarriedTokenizer): Vocabulary {
  const json = tokenizer.json('tokenizer.json');
  const { model } = json;
  if (!isRecord(model) || !isRecord(model.vocab) || (model.type ?? 'BPE') !== 'BPE') {
    throw noPlace(tokenizer, 'a tokenizer of type BPE', describeValue(isRecord(model) ? model.type : model));
  }
  const merges = mergesOf(model.merges);
  const { tokens, types } = tokensOf(model, json.added_tokens);
  const steps = stepsOf(json.pre_tokenizer, 'pretokenizers');
  if (steps.some(({ type }) => type === 'ByteLevel')) {
    return { tokens, types, merges, pre: preTokenizer(tokenizer, steps, merges.length === 0), settings: {} };
  }
  const marks = [...stepsOf(json.normalizer, 'normalizers'), ...steps];
  const isMarked = marks.some(
    (step) => step.type === 'Metaspace' || (step.type === 'Replace' && step.content === SPACE_MARK),
  );
  if (!isMarked || model.byte_fallback !== true) {
    throw noPlace(
      tokenizer,
      "a BPE tokenizer of GPT-2's or of SentencePiece's kind",
      describeValue(json.pre_tokenizer),
    );
  }
  const ranks = new Map(merges.map((merge, rank) => [merge.replace(' ', ''), rank] as const).reverse());
  const scores = tokens.map((token) => -(ranks.get(token) ?? -UNMERGED));
  return { tokens, types, scores, ...sentencePiece(marks.some(prependsSpace)) };
}

/** SentencePiece's mark of a space. */
const SPACE_MARK = '▁';

const sentencePiece = (spaceInFront: boolean): Pick<Vocabulary, 'pre' | 'settings'> => ({
  pre: 'default',
  settings: { 'tokenizer.ggml.add_space_prefix': { bool: spaceInFront } },
});

const prependsSpace = ({ type, prepend, prepend_scheme: scheme = 'always' }: Step): boolean =>
  (type === 'Prepend' && prepend === SPACE_MARK) || (type === 'Metaspace' && scheme !== 'never');

function sentencePieceType(token: string, isSpecial: boolean): number {
  if (token === '<unk>') return TokenType.unknown;
  if (isSpecial) return TokenType.control;
  return /^<0x[0-9A-F]{2}>$/.test(token) ? TokenType.byte : TokenType.normal;
}

/** The tokens of a `tokenizer.json` by id; ids without a token are marked as unused. */
function tokensOf(
  { vocab, unk_token: unknown, byte_fallback: hasBytes }: Step,
  addedTokens: unknown,
): { tokens: string[]; types: number[] } {
  const tokens: string[] = [];
  const types: number[] = [];
  const add = (id: number, token: string, type: number) => {
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of Object.entries(vocab as Record<string, number>)) {
    const plain = hasBytes === true ? sentencePieceType(token, false) : TokenType.normal;
    add(id, token, token === unknown ? TokenType.unknown : plain);
  }
  for (const { id, content, special } of Array.isArray(addedTokens) ? addedTokens.filter(isRecord) : []) {
    const type = special === true ? TokenType.control : TokenType.userDefined;
    add(id as number, content as string, content === unknown ? TokenType.unknown : type);
  }
  for (let id = 0; id < tokens.length; id++) if (tokens[id] === undefined) add(id, `[PAD${id}]`, TokenType.unused);
  return { tokens, types };
}

type Step = Readonly<Record<string, unknown>>;

/** The steps of a normalizer or pre-tokenizer, which may be a sequence. */
function stepsOf(step: unknown, name: 'normalizers' | 'pretokenizers'): readonly Step[] {
  if (!isRecord(step)) return [];
  return step.type === 'Sequence' && Array.isArray(step[name])
    ? step[name].flatMap((each) => stepsOf(each, name))
    : [step];
}

/** Merges are `a b` in older files, and pairs in newer ones. */
const mergesOf = (merges: unknown): readonly string[] =>
  Array.isArray(merges) ? merges.map((merge) => (Array.isArray(merge) ? merge.join(' ') : String(merge))) : [];

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const words = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const rest = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const split = (digits: string): Step => ({
  type: 'Split',
  pattern: { Regex: `${contractions}|${words}|${digits}|${rest}` },
  behavior: 'Isolated',
  invert: false,
});

/** The steps before ByteLevel, and whether that cuts by GPT-2's expression, for which llama.cpp has a name. */
const preTokenizers: readonly { readonly pre: string; readonly before: readonly Step[]; readonly byRegex: boolean }[] =
  [
    { pre: 'gpt-2', before: [], byRegex: true },
    { pre: 'llama-bpe', before: [split(String.raw`\p{N}{1,3}`)], byRegex: false },
    { pre: 'qwen2', before: [split(String.raw`\p{N}`)], byRegex: false },
    { pre: 'smollm', before: [{ type: 'Digits', individual_digits: true }], byRegex: true },
  ];

function preTokenizer(tokenizer: CarriedTokenizer, steps: readonly Step[], isWithoutMerges: boolean): string {
  const before = steps.slice(0, -1);
  const last = steps.at(-1)!;
  const byRegex = last.use_regex !== false;
  const known = preTokenizers.find((each) => each.byRegex === byRegex && isDeepStrictEqual(each.before, before));
  if (last.type === 'ByteLevel' && last.add_prefix_space !== true) {
    if (known !== undefined) return known.pre;
    // Bytes are the same however a text is cut.
    if (isWithoutMerges) return 'gpt-2';
  }
  const names = preTokenizers.map(({ pre }) => pre).join(', ');
  throw noPlace(tokenizer, `one that cuts a text as ${names} do`, describeValue(steps));
}

/** The id of a token that `tokenizer_config.json` names. */
function namedToken(tokenizer: CarriedTokenizer, role: string): number | undefined {
  const named = tokenizer.json('tokenizer_config.json')[role] ?? tokenizer.json('special_tokens_map.json')[role];
  const content = isRecord(named) ? named.content : named;
  if (typeof content !== 'string') return undefined;
  const { model, added_tokens: added } = tokenizer.json('tokenizer.json');
  const own = Array.isArray(added) ? added.find((each) => isRecord(each) && each.content === content) : undefined;
  if (isRecord(own) && typeof own.id === 'number') return own.id;
  const id = isRecord(model) && isRecord(model.vocab) ? model.vocab[content] : undefined;
  return typeof id === 'number' ? id : undefined;
}

function noPlace({ source }: CarriedTokenizer, expected: string, actual: string): MayflyError {
  return new MayflyError(
    'ERR_TOKENIZER',
    `${source.name}: Expected ${expected} for GGUF, got ${actual}. Export as hf, or without it (--tokenizer none)`,
  );
}
