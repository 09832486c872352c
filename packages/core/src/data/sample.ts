import { isMayflyError, MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord } from '../files/read-file.js';
import { type ChatMessage, expectChatTemplate, isConversation } from './chat-template.js';
import { commonLength } from './common-length.js';
import type { Tokenizer } from './tokenizer.js';

/** A document before it is encoded: the text of a file, or a row of a table. */
export type Sample =
  | { readonly document: string }
  | { readonly text: string }
  | { readonly prompt: string; readonly completion: string }
  | { readonly messages: readonly ChatMessage[] };

/** A document's tokens, and the ranges [begin, end) of its targets. Without ranges every token is a target. */
export interface EncodedSample {
  readonly ids: readonly number[];
  readonly counted?: readonly (readonly [begin: number, end: number])[];
}

/** Options of rows. */
export interface RowOptions {
  /** The field that holds a row's text or messages. Default: `messages`, `prompt` and `completion`, or `text`, whichever is there. */
  readonly column?: string | undefined;
}

/**
 * The document in a row of a jsonl or parquet file.
 *
 * @param where The row's place, for errors.
 * @throws `ERR_DATA_FORMAT` for a row without such fields.
 */
export function sampleOf(row: unknown, where: () => string, { column }: RowOptions): Sample {
  const unexpected = (expected: string, actual: unknown) =>
    new MayflyError('ERR_DATA_FORMAT', `${where()}: Expected ${expected}, got ${describeValue(actual)}`);
  if (!isRecord(row)) throw unexpected('an object', row);
  if (column !== undefined) {
    const value = row[column];
    if (typeof value === 'string') return { text: value };
    if (isConversation(value)) return { messages: value };
    throw unexpected(`text or messages in \`${column}\``, value);
  }
  const { messages, prompt, completion, text } = row;
  if (isConversation(messages)) return { messages };
  if (typeof prompt === 'string' && typeof completion === 'string') return { prompt, completion };
  if (isConversation(prompt) && isConversation(completion)) return { messages: [...prompt, ...completion] };
  if (typeof text === 'string') return { text };
  const named = ['messages', 'prompt', 'completion', 'text'].filter((name) => (row[name] ?? undefined) !== undefined);
  const expected = 'text in `text`, text in `prompt` and `completion`, or a list of messages with roles in `messages`';
  if (named.length === 0) throw unexpected(`${expected} (or another field by --data-column)`, Object.keys(row));
  throw unexpected(expected, Object.fromEntries(named.map((name) => [name, row[name]])));
}

/**
 * Encodes a document. A text of a file has the tokens that the tokenizer puts around a text. A row also ends with EOS, or, where the
 * tokenizer has none, with its separator or a blank line. A conversation is the text of the chat template and nothing else; prompt and
 * completion are the turns of a user and an assistant where there is a chat template, else one text.
 *
 * @param options `maskPrompt`: let only completions and the assistant's turns count; `where`: the document's place, for errors.
 * @throws `ERR_CHAT_TEMPLATE`.
 */
export function encodeSample(
  tokenizer: Tokenizer,
  sample: Sample,
  { maskPrompt, where }: { readonly maskPrompt: boolean; readonly where?: (() => string) | undefined },
): EncodedSample {
  try {
    return encoded(tokenizer, sample, maskPrompt);
  } catch (error) {
    if (where === undefined || !isMayflyError(error) || error.code !== 'ERR_CHAT_TEMPLATE') throw error;
    throw new MayflyError(error.code, `${where()}: ${error.message}`, { cause: error });
  }
}

function encoded(tokenizer: Tokenizer, sample: Sample, maskPrompt: boolean): EncodedSample {
  if ('document' in sample) return { ids: tokenizer.encode(sample.document, { eos: true }) };
  if ('text' in sample) return { ids: [...tokenizer.encode(sample.text), ...endOf(tokenizer)] };
  if ('prompt' in sample && tokenizer.chat === undefined) {
    const { prompt, completion } = sample;
    const text = tokenizer.encode(prompt + completion);
    const ids = [...text, ...endOf(tokenizer)];
    return maskPrompt ? { ids, counted: [[commonLength(text, tokenizer.encode(prompt)), ids.length]] } : { ids };
  }
  const chat = expectChatTemplate(tokenizer.chat, tokenizer.name);
  const messages =
    'messages' in sample
      ? sample.messages
      : [
          { role: 'user', content: sample.prompt },
          { role: 'assistant', content: sample.completion },
        ];
  const encode = (text: string) => tokenizer.encode(text, { bos: false });
  if (!maskPrompt) return { ids: encode(chat.render(messages)) };
  const { text, answers } = chat.renderAnswers(messages);
  const ids = encode(text);
  // A token that lies across the border belongs to the answer at its beginning, and not at its end.
  const border = (end: number) => (end === text.length ? ids.length : commonLength(ids, encode(text.slice(0, end))));
  return { ids, counted: answers.map(([begin, end]) => [border(begin), border(end)] as const) };
}

/** The tokens behind a row. */
function endOf(tokenizer: Tokenizer): readonly number[] {
  return tokenizer.eos === undefined
    ? (tokenizer.separator ?? tokenizer.encode('\n\n', { bos: false }))
    : [tokenizer.eos];
}
