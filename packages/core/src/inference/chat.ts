import { anyText } from '../check.js';
import { type ChatMessage, type ChatTemplate, expectChatTemplate } from '../data/chat-template.js';
import { checkIds } from '../data/check-tokens.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { loadModel, withAdapter } from '../model/load-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { type ContinuationOptions, continueText, type GeneratedToken } from './continue-text.js';
import { contextOf, endingOf, type WritingOptions, writingOptions } from './generate.js';
import { modelTokenizer } from './model-tokenizer.js';
import { openTextSession, type TextSession } from './text-session.js';

/** Options of `openChat`. */
export interface ChatOptions extends WritingOptions {
  /** The first message, in the role `system`. Default: none. */
  readonly system?: string | undefined;
}

/** The table of `ChatOptions`. */
export const chatOptions = {
  ...writingOptions,
  system: { rule: anyText },
} as const satisfies OptionTable<ChatOptions>;

/** The context of a chat, where the model's is longer. */
const CONTEXT = 4096;

/** A conversation with a model. An answer computes only the tokens that the cache does not hold. */
export class Chat implements AsyncDisposable {
  readonly #session: TextSession;
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;
  readonly #ending: ContinuationOptions;
  readonly #messages: ChatMessage[];

  private constructor(
    session: TextSession,
    tokenizer: Tokenizer,
    ending: ContinuationOptions,
    messages: readonly ChatMessage[],
  ) {
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#template = expectChatTemplate(tokenizer.chat, tokenizer.name);
    this.#ending = ending;
    this.#messages = [...messages];
  }

  /**
   * Opens a chat.
   *
   * @throws `ERR_CHAT_TEMPLATE` for a tokenizer without a chat template; what `generate` throws.
   */
  static async open(given: ChatOptions): Promise<Chat> {
    const { options } = resolveOptions('openChat', chatOptions, given);
    const model = withAdapter(await loadModel(options.model), options.adapter);
    const { vocab, sequence } = model.config;
    const tokenizer = modelTokenizer(options.tokenizer ?? model.tokenizer, options.model, vocab);
    expectChatTemplate(tokenizer.chat, tokenizer.name);
    const session = await openTextSession(model, contextOf(options.context, CONTEXT, sequence), options);
    const messages = options.system === undefined ? [] : [{ role: 'system', content: options.system }];
    return new Chat(session, tokenizer, endingOf(options, tokenizer), messages);
  }

  /** The conversation so far. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /**
   * Draws the answer to a message, in the role `user`. Both join the conversation, the answer as far as it was drawn: also one that
   * its signal or its reader ends.
   */
  async *say(
    content: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<GeneratedToken, void, undefined> {
    this.#messages.push({ role: 'user', content });
    const text = this.#template.render(this.#messages, { addGenerationPrompt: true });
    const prompt = this.#tokenizer.encode(text, { bos: false });
    checkIds(prompt, this.#tokenizer.vocab, 'the conversation', this.#tokenizer);
    let answer = '';
    try {
      for await (const token of continueText(this.#session, this.#tokenizer, prompt, { ...this.#ending, signal })) {
        answer += token.text;
        yield token;
      }
    } finally {
      this.#messages.push({ role: 'assistant', content: answer });
    }
  }

  /** Closes the pool. */
  async close(): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Opens a conversation with a model, by its tokenizer's chat template. */
export const openChat = (options: ChatOptions): Promise<Chat> => Chat.open(options);
