import { MayflyError } from '@mayfly/native';
import type { Tokenizer } from '../data/tokenizer.js';
import { CompactVocabulary } from '../model/compact-vocabulary.js';
import type { SeenTokens } from './run-inputs.js';

/** Where the classes of a run come from. */
export interface ClassSources {
  readonly seen: SeenTokens;
  readonly tokenizer: Tokenizer | undefined;
  /** The option `sample`. */
  readonly sample: string | undefined;
}

/** Nothing seen yet of a vocabulary. */
export const noTokensSeen = (vocab: number): SeenTokens => ({
  data: new Uint8Array(vocab),
  validation: new Uint8Array(vocab),
});

/** Tokens of single bytes, in which a tokenizer writes characters that it does not have. */
const byteToken = /^<0x[0-9A-F]{2}>$/i;

/**
 * The classes of a run: the ids that its data, its validation data and its prompt have, those that begin, end and separate texts, and
 * bytes.
 *
 * @param before The classes of the run that is resumed, which stay as they are.
 * @throws `ERR_VOCABULARY` where a resumed run's data or prompt have others.
 */
export function runVocabulary(
  { seen, tokenizer, sample }: ClassSources,
  before: CompactVocabulary | undefined,
): CompactVocabulary {
  const prompt = new Uint8Array(seen.data.length);
  const ends = [tokenizer?.bos, tokenizer?.eos, ...(tokenizer?.stops ?? []), ...(tokenizer?.separator ?? [])];
  for (const id of sample === undefined ? [] : (tokenizer?.encode(sample) ?? [])) prompt[id] = 1;
  if (before !== undefined) {
    const sources = { data: seen.data, 'validation data': seen.validation, prompt };
    for (const [name, ids] of Object.entries(sources)) expectClasses(name, ids, before, tokenizer);
    return before;
  }
  const all = seen.data.map((isSeen, id) => isSeen | seen.validation[id]! | prompt[id]!);
  for (const id of ends) if (id !== undefined && id < all.length) all[id] = 1;
  for (let id = 0; id < all.length; id++) if (byteToken.test(tokenizer?.token?.(id) ?? '')) all[id] = 1;
  return CompactVocabulary.of(all);
}

function expectClasses(
  name: string,
  ids: Uint8Array,
  before: CompactVocabulary,
  tokenizer: Tokenizer | undefined,
): void {
  const others = [...ids.keys()].filter((id) => ids[id] !== 0 && before.classOf(id) === -1);
  const [first] = others;
  if (first === undefined) return;
  const token = tokenizer?.token?.(first);
  const told = token === undefined ? `${first}` : `${first} (${JSON.stringify(token)})`;
  throw new MayflyError(
    'ERR_VOCABULARY',
    `Expected the ${name} to have token ids of the run's compact vocabulary of ${before.classes.length} alone, got ${others.length} others, the first of them ${told}`,
  );
}
