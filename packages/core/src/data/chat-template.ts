import { Template } from '@huggingface/jinja';
import { MayflyError } from '@mayfly/native';
import { describeValue } from '../files/errors.js';
import { isRecord } from '../files/read-file.js';
import { commonLength } from './common-length.js';

/** A turn of a conversation. Templates may read other fields. */
export interface ChatMessage {
  /** `system`, `user`, `assistant` or what else the template knows. */
  readonly role: string;
  readonly content?: unknown;
}

/** A conversation as text, and which parts of the text the assistant wrote: ranges [begin, end) of its characters. */
export interface ChatText {
  readonly text: string;
  readonly answers: readonly (readonly [begin: number, end: number])[];
}

/** Mark the assistant's parts while a template with `{% generation %}` is rendered: noncharacters of Unicode, which no text holds. */
const BEGIN = '\uFDD0';
const END = '\uFDD1';

interface Parsed {
  readonly plain: Template;
  /** Null where the template does not mark the assistant's parts. */
  readonly marking: Template | null;
}

/** The date that templates write, so that a conversation always gives the same tokens. It is the one that Llama 3's writes by default. */
const DATE = new Date(Date.UTC(2024, 6, 26));

/** A chat template of transformers (Jinja): conversations as the text that a model was trained on. */
export class ChatTemplate {
  readonly #name: string;
  readonly #source: string;
  #parsed: Parsed | null = null;
  readonly #variables: Readonly<Record<string, unknown>>;

  /**
   * @param name Of its file, for errors.
   * @param tokens Special tokens by name: `bos_token`, `eos_token`, …
   */
  constructor(name: string, source: string, tokens: Readonly<Record<string, string>>) {
    this.#name = name;
    this.#variables = { ...tokens, mayfly_date: (format: unknown) => formatDate(String(format)) };
    this.#source = source;
  }

  /** Read at the first use: a tokenizer whose template is broken still encodes text. */
  get #templates(): Parsed {
    const source = this.#source;
    const marked = source.replace(
      /\{%(-?)\s*(end)?generation\s*(-?)%\}/g,
      (_, before, end, after) => `{%${before} if true %}{{ '${end ? END : BEGIN}' }}{% endif ${after}%}`,
    );
    this.#parsed ??= this.#guard('read', () => ({
      plain: parse(source),
      marking: marked === source ? null : parse(marked),
    }));
    return this.#parsed;
  }

  /**
   * The text of a conversation.
   *
   * @param addGenerationPrompt End with the beginning of an answer. Default: false.
   * @throws `ERR_CHAT_TEMPLATE` for a template that cannot be read, or refuses the messages.
   */
  render(
    messages: readonly ChatMessage[],
    { addGenerationPrompt = false }: { readonly addGenerationPrompt?: boolean } = {},
  ): string {
    return this.#render(this.#templates.plain, messages, addGenerationPrompt);
  }

  /**
   * The text of a conversation with the parts of the assistant: those that the template marks (`{% generation %}`), else what each
   * answer adds to the text before it, which ends with the generation prompt.
   *
   * @throws `ERR_CHAT_TEMPLATE`
   */
  renderAnswers(messages: readonly ChatMessage[]): ChatText {
    const { marking } = this.#templates;
    if (marking !== null) return unmarked(this.#render(marking, messages, false));
    const text = this.render(messages);
    const answers = messages.flatMap(({ role }, index) => {
      if (role !== 'assistant') return [];
      const begin = commonLength(text, this.render(messages.slice(0, index), { addGenerationPrompt: true }));
      const end =
        index + 1 === messages.length ? text.length : commonLength(text, this.render(messages.slice(0, index + 1)));
      return begin < end ? [[begin, end] as const] : [];
    });
    return { text, answers };
  }

  #render(template: Template, messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    return this.#guard('render', () =>
      template.render({ ...this.#variables, messages, add_generation_prompt: addGenerationPrompt }),
    );
  }

  /** The library throws bare errors, such as a TypeError for a block that is not closed. */
  #guard<Result>(action: string, use: () => Result): Result {
    try {
      return use();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new MayflyError('ERR_CHAT_TEMPLATE', `Cannot ${action} the chat template of ${this.#name}: ${reason}`, {
        cause,
      });
    }
  }
}

/**
 * The chat template of a tokenizer's files; undefined where it has none.
 *
 * @param name Of the tokenizer, for errors.
 * @param file The text of `chat_template.jinja`, which overrules the config.
 * @param config `tokenizer_config.json`.
 */
export function chatTemplate(
  name: string,
  file: string | undefined,
  config: Readonly<Record<string, unknown>>,
): ChatTemplate | undefined {
  const source = file ?? sourceIn(config.chat_template);
  if (source === undefined) return undefined;
  const tokens = Object.entries(config).flatMap(([key, token]) => {
    const content = isRecord(token) ? token.content : token;
    return key.endsWith('_token') && typeof content === 'string' ? [[key, content] as const] : [];
  });
  return new ChatTemplate(name, source, Object.fromEntries(tokens));
}

/** Text, or a list of named templates. */
function sourceIn(template: unknown): string | undefined {
  if (!Array.isArray(template)) return typeof template === 'string' ? template : undefined;
  const named = template.filter(isRecord).find(({ name }) => name === 'default');
  return typeof named?.template === 'string' ? named.template : undefined;
}

/** The library has a `strftime_now` of its own, which only the template can replace. A block takes a line break behind it away. */
const parse = (source: string): Template =>
  new Template(`{% set strftime_now = mayfly_date %}${source.startsWith('\n') ? '\n' : ''}${source}`);

/** Whether a value of a data file is a conversation: a list of objects with a role. */
export const isConversation = (value: unknown): value is readonly ChatMessage[] =>
  Array.isArray(value) && value.length > 0 && value.every((turn) => isRecord(turn) && typeof turn.role === 'string');

function unmarked(marked: string): ChatText {
  const answers: (readonly [number, number])[] = [];
  let text = '';
  for (const part of marked.split(BEGIN)) {
    const [answer, ...rest] = part.split(END);
    if (rest.length > 0) answers.push([text.length, text.length + answer!.length]);
    text += answer! + rest.join('');
  }
  return { text, answers };
}

function formatDate(format: string): string {
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }).format(DATE);
  const parts: Readonly<Record<string, string>> = {
    ...{ d: part({ day: '2-digit' }), m: part({ month: '2-digit' }), Y: part({ year: 'numeric' }) },
    ...{ b: part({ month: 'short' }), B: part({ month: 'long' }), a: part({ weekday: 'short' }) },
    ...{ A: part({ weekday: 'long' }), H: '00', M: '00', S: '00' },
  };
  return format.replace(/%(.)/g, (code, letter: string) => parts[letter] ?? code);
}

/** @throws `ERR_CHAT_TEMPLATE` for a tokenizer without one. */
export function expectChatTemplate(chat: ChatTemplate | undefined, tokenizer: string): ChatTemplate {
  if (chat !== undefined) return chat;
  throw new MayflyError(
    'ERR_CHAT_TEMPLATE',
    `Expected a tokenizer with a chat template for messages, got ${describeValue(tokenizer)} without one`,
  );
}
