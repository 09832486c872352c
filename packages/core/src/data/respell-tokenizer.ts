import { describeValue } from '../files/errors.js';
import { isRecord } from '../files/read-file.js';

// Hugging Face's JavaScript library and its Rust library, which transformers uses, read some steps of a tokenizer.json
// differently: to the former, words and digits are ASCII, and all splits behave alike. Here such steps are spelt so that both agree.

type Json = Readonly<Record<string, unknown>>;

/** Rust's `\w`. */
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const punctuation = '[!-\\/:-@\\[-`{-~\\p{P}]';

/** How GPT-2 cuts a text into words. */
const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Steps in front of a model, by their type. */
const preTokenizers: Readonly<Record<string, (step: Json) => Json>> = {
  ByteLevel: (step) =>
    step.use_regex === false || step.add_prefix_space !== false
      ? step
      : { type: 'Sequence', pretokenizers: [matches(gpt2Words), { ...step, use_regex: false }] },
  Whitespace: () => matches(`[${word}]+|[^${word}\\s]+`),
  WhitespaceSplit: () => matches('\\S+'),
  Digits: ({ individual_digits: each }) => split('\\p{N}', each === true ? 'Isolated' : 'Contiguous'),
  Punctuation: ({ behavior }) => split(punctuation, behavior ?? 'Isolated'),
  Split: (step) => {
    const { pattern, behavior, invert } = step;
    const expression = sourceOf(pattern);
    if (behavior === (invert === true ? 'Removed' : 'Isolated')) return step;
    if (invert === true && String(behavior).startsWith('Merged')) throw new Error(`Expected no inverted ${behavior}`);
    return split(expression, behavior);
  },
  Metaspace: (step) => {
    const { add_prefix_space: prefix, prepend_scheme: scheme, replacement = '▁' } = step;
    const joined = { ...step, prepend_scheme: prefix === false ? 'never' : (scheme ?? 'always') };
    if (step.split === false) return joined;
    return { type: 'Sequence', pretokenizers: [joined, split(escaped(String(replacement)), 'MergedWithNext')] };
  },
};

const decoders: typeof preTokenizers = {
  // The first space is no prefix there.
  Metaspace: (step) =>
    step.prepend_scheme === 'never' || step.add_prefix_space === false
      ? { type: 'Replace', pattern: { String: step.replacement ?? '▁' }, content: ' ' }
      : step,
};

/** A `tokenizer.json` of the same meaning that the JavaScript library reads as the Rust library reads the given one. */
export function respellTokenizer(json: Json): Json {
  return {
    ...json,
    pre_tokenizer: respell(json.pre_tokenizer, preTokenizers, 'pretokenizers'),
    decoder: respell(json.decoder, decoders, 'decoders'),
  };
}

/**
 * A `tokenizer.json` whose words stay text where it would turn them into bytes last: the model encodes words that it knows without that.
 *
 * @returns The same where it has no such step.
 */
export function withTextWords(json: Json): { readonly json: Json; readonly isByteLevel: boolean } {
  const steps = stepsIn(json.pre_tokenizer);
  const isPlain = ({ type, add_prefix_space: prefix, use_regex: regex }: Json) =>
    type === 'ByteLevel' && prefix === false && regex === false;
  const isBpe = isRecord(json.model) && json.model.type !== 'Unigram' && json.model.merges !== undefined;
  if (!isBpe || !isPlain(steps.at(-1) ?? {}) || steps.filter(({ type }) => type === 'ByteLevel').length > 1) {
    return { json, isByteLevel: false };
  }
  const others = steps.slice(0, -1);
  const preTokenizer = others.length === 0 ? null : { type: 'Sequence', pretokenizers: others };
  return { json: { ...json, pre_tokenizer: preTokenizer }, isByteLevel: true };
}

function stepsIn(step: unknown): Json[] {
  if (!isRecord(step)) return [];
  const { type, pretokenizers } = step;
  return type === 'Sequence' && Array.isArray(pretokenizers) ? pretokenizers.flatMap(stepsIn) : [step];
}

function respell(step: unknown, spellings: typeof preTokenizers, inner: string): unknown {
  if (!isRecord(step)) return step;
  const steps = step[inner];
  if (step.type === 'Sequence' && Array.isArray(steps)) {
    return { ...step, [inner]: steps.map((one) => respell(one, spellings, inner)) };
  }
  const { type } = step;
  return typeof type === 'string' && Object.hasOwn(spellings, type) ? spellings[type]!(step) : step;
}

/** Keeps the matches of an expression, without the text between them. */
const matches = (expression: string): Json => ({
  ...{ type: 'Split', pattern: { Regex: expression } },
  ...{ behavior: 'Removed', invert: true },
});

/** Cuts a text where an expression matches. A match is a piece by itself, or belongs to the piece before or behind it. */
function split(delimiter: string, behavior: unknown): Json {
  const other = `(?:(?!${delimiter})[\\s\\S])`;
  switch (behavior) {
    case 'Isolated':
      return matches(`(?:${delimiter})|${other}+`);
    case 'Contiguous':
      return matches(`(?:${delimiter})+|${other}+`);
    case 'MergedWithPrevious':
      return matches(`${other}*(?:${delimiter})|${other}+`);
    case 'MergedWithNext':
      return matches(`(?:${delimiter})${other}*|${other}+`);
    case 'Removed':
      // The library would put a `String` into a group, whose matches stay in the text.
      return { type: 'Split', pattern: { Regex: delimiter }, behavior, invert: false };
    default:
      throw new Error(`Expected the behavior of a split, got ${String(behavior)}`);
  }
}

/** A pattern as an expression. */
function sourceOf(pattern: unknown): string {
  const { Regex: expression, String: text } = isRecord(pattern) ? pattern : {};
  if (typeof expression === 'string') return expression;
  if (typeof text === 'string') return escaped(text);
  throw new Error(`Expected the pattern of a split, got ${describeValue(pattern)}`);
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
