import type { Tokenizer as Tokenizers } from '@huggingface/tokenizers';
import { MayflyError } from '@mayfly/native';
import { isRecord, readJson } from '../files/read-file.js';
import { boundedTokenizers } from './bounded-tokenizers.js';
import { type ChatTemplate, chatTemplate } from './chat-template.js';
import { cleanableLength, cleanUp, growsAtItsEnd, HeldDecoder, type WholeDecoder } from './held-decoder.js';
import { SectionEncoder } from './section-encoder.js';
import type { EncodeOptions, TokenDecoder, Tokenizer } from './tokenizer.js';
import {
  readChatTemplate,
  readStopIds,
  readTokenizerConfig,
  readTokenizerFile,
  type TokenizerFile,
} from './tokenizer-file.js';

/** GPT-2's separator of documents. */
const END_OF_TEXT = '<|endoftext|>';

/**
 * A `tokenizer.json` of Hugging Face's tokenizers, with `tokenizer_config.json`, `generation_config.json` and `config.json`
 * beside it where they are there: from these come the tokens around a text and those that end one, as transformers takes them.
 */
export class HuggingFaceTokenizer implements Tokenizer {
  readonly vocab: number;
  readonly ordinary: number;
  readonly holes: readonly number[];
  readonly bos?: number;
  readonly eos?: number;
  readonly stops: readonly number[];
  readonly separator?: readonly number[];
  readonly chat?: ChatTemplate | undefined;
  readonly #file: TokenizerFile;
  readonly #tokenizer: Tokenizers;
  readonly #encoder: SectionEncoder;
  readonly #before: readonly number[];
  readonly #after: readonly number[];
  readonly #whole: WholeDecoder;

  /**
   * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_TOKENIZER` for a file of another kind, and in use for a step that does not
   * end or makes a text many times as long.
   */
  constructor(readonly name: string) {
    const json = readJson(name, 'ERR_TOKENIZER');
    const config = readTokenizerConfig(name);
    const stops = readStopIds(name);
    this.chat = chatTemplate(name, readChatTemplate(name), config);
    try {
      this.#file = readTokenizerFile(json);
      const bounded = boundedTokenizers(name, json, config);
      this.#tokenizer = bounded.tokenizers;
      this.#encoder = new SectionEncoder(bounded);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new MayflyError('ERR_TOKENIZER', `${name}: Expected a tokenizer.json, got one refused with: ${reason}`, {
        cause,
      });
    }
    const { vocab, ordinary, tokens } = this.#file;
    this.vocab = vocab;
    this.ordinary = ordinary;
    this.holes =
      tokens.size === vocab ? [] : Array.from({ length: vocab }, (_, id) => id).filter((id) => !tokens.has(id));
    const bos = this.#special(config.bos_token);
    const eos = this.#special(config.eos_token);
    this.#before = added(config.add_bos_token, bos) ?? this.#file.before;
    this.#after = added(config.add_eos_token, eos) ?? this.#file.after;
    this.stops = stops ?? (eos === undefined ? this.#after.slice(0, 1) : [eos]);
    const end = eos ?? this.#after[0] ?? this.stops[0];
    if (this.#before[0] !== undefined) this.bos = this.#before[0];
    if (end !== undefined) this.eos = end;
    if (this.#before.length + this.#after.length === 0) this.separator = this.#separatorOr(end ?? bos);
    this.#whole = this.#wholeDecoder(json.decoder, config.clean_up_tokenization_spaces === true);
  }

  token(id: number): string | undefined {
    return this.#file.tokens.get(id);
  }

  encode(text: string, { bos = true, eos = false }: EncodeOptions = {}): number[] {
    const ids = this.#encoder.encode(text);
    return [...(bos ? this.#before : []), ...ids, ...(eos ? this.#after : [])];
  }

  decode(ids: Iterable<number>): string {
    return this.#whole.finish(this.#whole.text(Array.from(ids)));
  }

  decoder(before: Iterable<number> = []): TokenDecoder {
    return new HeldDecoder(this.#whole, before);
  }

  #wholeDecoder(decoder: unknown, cleansUp: boolean): WholeDecoder {
    const grows = growsAtItsEnd(decoder) && !this.#tokenizer.model?.end_of_word_suffix;
    return {
      text: (ids) => {
        for (const id of ids) this.#expectToken(id);
        const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
        return ids.length === 0 ? '' : this.#tokenizer.decode([...ids], options);
      },
      settled: (text) => {
        if (!grows) return 0;
        const whole = text.replace(/\uFFFD$/, '');
        return cleansUp ? cleanableLength(whole) : whole.length;
      },
      finish: cleansUp ? cleanUp : (text) => text,
    };
  }

  #expectToken(id: number): void {
    if (Number.isInteger(id) && id >= 0 && id < this.vocab) return;
    throw new MayflyError('ERR_TOKEN_RANGE', `Expected a token id below the vocabulary's ${this.vocab}, got ${id}`);
  }

  /** Between documents: the token of that purpose, else the one that ends or begins texts, else a blank line. */
  #separatorOr(token: number | undefined): readonly number[] {
    const id = this.#file.ids.get(END_OF_TEXT) ?? token;
    return id === undefined ? this.#encoder.encode('\n\n') : [id];
  }

  /** A token's name is text, or an object that holds it. */
  #special(token: unknown): number | undefined {
    const content = isRecord(token) ? token.content : token;
    return typeof content === 'string' ? this.#file.ids.get(content) : undefined;
  }
}

/** The template as changed by `add_bos_token` or `add_eos_token`; undefined if neither is given. */
function added(isAdded: unknown, id: number | undefined): readonly number[] | undefined {
  if (typeof isAdded !== 'boolean' || (isAdded && id === undefined)) return undefined;
  return isAdded ? [id!] : [];
}
