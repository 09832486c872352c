import { createContext, Script } from 'node:vm';
import { Tokenizer as Tokenizers } from '@huggingface/tokenizers';
import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord } from '../files/read-file.js';
import { respellTokenizer, withTextWords } from './respell-tokenizer.js';

/** Deadline of the steps of a tokenizer: 400 ms, and 1 ms more for every 100 characters. */
const DEADLINE = 400;
const CHARACTERS_PER_MS = 100;
/** A normalizer may make a text this many times as long, and this much longer. Unicode's own forms need a factor of 18. */
const LONGEST_EXPANSION = 32;
const LONGEST_ADDITION = 1024;

/** A tokenizer of the library, and the `tokenizer.json` that it was given. */
export interface BoundedTokenizers {
  readonly tokenizers: Tokenizers;
  readonly json: Readonly<Record<string, unknown>>;
  /** Words are left as text, although the model's pieces are bytes. */
  readonly isByteLevel: boolean;
}

/**
 * The tokenizer of Hugging Face's library. Its steps, such as regular expressions that came with the file, are ended after a
 * deadline.
 *
 * @throws `ERR_TOKENIZER` then, and for a normalizer that makes a text many times as long, when it is used; what the library
 * throws for a file that it does not understand.
 */
export function boundedTokenizers(
  name: string,
  json: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
): BoundedTokenizers {
  const { json: read, isByteLevel } = withTextWords(respellTokenizer(json));
  const expressions = expressionsIn([json.normalizer, json.pre_tokenizer, json.decoder]);
  const unexpected = (expected: string, actual: string) =>
    new MayflyError('ERR_TOKENIZER', `${name}: Expected ${expected}, got ${actual}`);
  const bounded = <Result>(characters: number, task: () => Result): Result => {
    const limit = DEADLINE + Math.ceil(characters / CHARACTERS_PER_MS);
    return withinDeadline(limit, task, () => {
      const told = expressions.map(describeValue).slice(0, 5).join(', ');
      return unexpected(
        `its steps to read ${characters} characters within ${limit} ms`,
        told === '' ? 'no end' : `no end of one of ${told}`,
      );
    });
  };
  // The library's normalizer reads added tokens here already.
  const tokenizers = bounded(entriesOf(json), () => new Tokenizers(read, config));
  mendModel(tokenizers, isRecord(read.model) ? read.model : {});
  const withDeadline = <Stage extends object>(stage: Stage | null, checkLength?: CheckLength): Stage | null =>
    stage &&
    new Proxy(stage, {
      apply: (target, self, inputs: unknown[]) => {
        const characters = charactersOf(inputs[0]);
        try {
          const output = bounded(characters, () => Reflect.apply(target as () => unknown, self, inputs));
          checkLength?.(characters, charactersOf(output));
          return output;
        } catch (error) {
          // A string that is too long, or calls that are too deep.
          if (error instanceof RangeError) throw unexpected('its steps to end', error.message);
          throw error;
        }
      },
    });
  tokenizers.normalizer = withDeadline(tokenizers.normalizer, (before, after) => {
    const most = LONGEST_EXPANSION * before + LONGEST_ADDITION;
    if (after > most) throw unexpected(`its normalizer to make at most ${most} characters of ${before}`, `${after}`);
  });
  tokenizers.pre_tokenizer = withDeadline(tokenizers.pre_tokenizer);
  tokenizers.decoder = withDeadline(tokenizers.decoder);
  return { tokenizers, json: read, isByteLevel };
}

type CheckLength = (before: number, after: number) => void;

/** Adds to a model the unknown word and the fallback to bytes, which the library leaves out. */
function mendModel({ model }: Tokenizers, json: Readonly<Record<string, unknown>>): void {
  if (model === null) return;
  if (json.type === 'WordLevel') model.unk_token_id = model.tokens_to_ids.get(String(json.unk_token));
  if (!('tokenize' in model)) return;
  const unigram = model as typeof model & { tokenize(text: string): string[] };
  const bytesOf = (piece: string): string[] => {
    if (json.byte_fallback !== true || model.tokens_to_ids.has(piece)) return [piece];
    const bytes = Array.from(Buffer.from(piece), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    return bytes.every((byte) => model.tokens_to_ids.has(byte)) ? bytes : [piece];
  };
  // The library's own passes all pieces as arguments of one call, which may be more than V8 allows.
  unigram.encode = (texts: string[]) => texts.flatMap((text: string) => unigram.tokenize(text)).flatMap(bytesOf);
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

/** Entries of a tokenizer's tables: creating one takes about as long as reading one character. */
function entriesOf({ model, added_tokens: added }: Readonly<Record<string, unknown>>): number {
  const { vocab, merges } = isRecord(model) ? model : {};
  return [vocab, merges, added].reduce<number>((sum, table) => sum + Object.keys(table ?? {}).length, 0);
}

const script = new Script('task()');
const context = createContext({ task: undefined as unknown }) as { task: unknown };

/**
 * Runs a function that may never end, such as a regular expression that came with a file, and ends it after `milliseconds`:
 * V8 looks for an interruption wherever code or an expression turns back. Costs about 50 us.
 *
 * @param overrun Makes the error to be thrown then.
 */
export function withinDeadline<Result>(milliseconds: number, task: () => Result, overrun: () => Error): Result {
  for (let timeout = milliseconds; ; timeout *= 2) {
    const { user, system } = process.cpuUsage();
    context.task = task;
    try {
      return script.runInContext(context, { timeout }) as Result;
    } catch (error) {
      if (!isOverrun(error)) throw error;
      const used = process.cpuUsage();
      // Time in which this process did not run, being stopped or crowded out, does not count.
      if (used.user + used.system - user - system >= (milliseconds * 1000) / 4) throw overrun();
    } finally {
      context.task = undefined;
    }
  }
}

/** The error comes from the script's own context: it is no instance of this one's Error. */
const isOverrun = (error: unknown): boolean => String(error).startsWith('Error: Script execution timed out');
