import { Tokenizer as Tokenizers } from '@huggingface/tokenizers';
import { MayflyError } from '@mayfly/native';
import { withinDeadline } from './deadline.js';
import { describeValue } from './describe-value.js';
import { isRecord } from './read-json.js';

/** Milliseconds that the expressions of a tokenizer may take, and characters for each of which they get one more. */
const DEADLINE = 400;
const CHARACTERS_PER_MS = 100;

/**
 * The tokenizer of Hugging Face's library, whose regular expressions are ended after a deadline.
 *
 * @throws `ERR_TOKENIZER` then, when it is used; what the library throws for a file that it does not understand.
 */
export function boundedTokenizers(
  name: string,
  json: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
): Tokenizers {
  const expressions = expressionsIn([json.normalizer, json.pre_tokenizer, json.decoder]);
  const bounded = <Result>(characters: number, task: () => Result): Result => {
    const limit = DEADLINE + Math.ceil(characters / CHARACTERS_PER_MS);
    return withinDeadline(limit, task, () => {
      const told = expressions.map(describeValue).join(', ');
      const expected = `its expressions to read ${characters} characters within ${limit} ms`;
      return new MayflyError('ERR_TOKENIZER', `${name}: Expected ${expected}, got no end of one of ${told}`);
    });
  };
  // The library's normalizer reads added tokens here already.
  const tokenizers = bounded(entriesOf(json), () => new Tokenizers(json, config));
  splitUnigram(tokenizers);
  if (expressions.length === 0) return tokenizers;
  const withDeadline = <Stage extends object>(stage: Stage | null): Stage | null =>
    stage &&
    new Proxy(stage, {
      apply: (target, self, inputs: unknown[]) =>
        bounded(charactersOf(inputs[0]), () => Reflect.apply(target as () => unknown, self, inputs)),
    });
  tokenizers.normalizer = withDeadline(tokenizers.normalizer);
  tokenizers.pre_tokenizer = withDeadline(tokenizers.pre_tokenizer);
  tokenizers.decoder = withDeadline(tokenizers.decoder);
  return tokenizers;
}

/** A unigram model spreads the pieces of a text into arguments, of which there may be too many: its pieces are joined otherwise. */
function splitUnigram({ model }: Tokenizers): void {
  if (model === null || !('tokenize' in model)) return;
  const unigram = model as typeof model & { tokenize(text: string): string[] };
  unigram.encode = (texts: string[]) => texts.flatMap((text: string) => unigram.tokenize(text));
}

/** The regular expressions of a tokenizer's steps. */
function expressionsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(expressionsIn);
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'Regex' && typeof inner === 'string' ? [inner] : expressionsIn(inner),
  );
}

const charactersOf = (input: unknown): number =>
  Array.isArray(input) ? input.reduce((sum, text) => sum + charactersOf(text), 0) : String(input).length;

/** Entries of a tokenizer's tables: making them takes about as long as reading as many characters may. */
function entriesOf({ model, added_tokens: added }: Readonly<Record<string, unknown>>): number {
  const { vocab, merges } = isRecord(model) ? model : {};
  return [vocab, merges, added].reduce<number>((sum, table) => sum + Object.keys(table ?? {}).length, 0);
}
