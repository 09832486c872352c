import type { ChatTemplate } from './chat-template.js';

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** `bytes`, or the file it was read from. */
  readonly name: string;
  /** Ids are 0 … vocab − 1. */
  readonly vocab: number;
  /** Ids from here on are added tokens, which occur only if a text contains them literally. Default: `vocab`. */
  readonly ordinary?: number;
  /** The name of a token, for messages. Default: none. */
  token?(id: number): string | undefined;
  /** Ids below `vocab` without a token. Default: none. */
  readonly holes?: readonly number[];
  /** Starts each text. Absent if the tokenizer adds nothing there. */
  readonly bos?: number;
  /** Ends a text that the model writes. */
  readonly eos?: number;
  /** Ids that end a text that the model writes: `eos` and others. Default: `eos` alone. */
  readonly stops?: readonly number[];
  /** Separates documents, if the tokenizer adds nothing around a text. Default: none. */
  readonly separator?: readonly number[];
  /** Turns conversations into text. Default: none. */
  readonly chat?: ChatTemplate | undefined;
  /** The token ids of a text, each from 0 to `vocab` − 1. */
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of token ids. Bytes that are no valid UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /**
   * Decodes ids one by one: text is returned as soon as no further id can change it. The concatenated pieces equal `decode` of all
   * ids.
   *
   * @param before Ids of preceding text, for instance a prompt, which is not returned again. Default: none.
   */
  decoder(before?: Iterable<number>): TokenDecoder;
}

/** Options of `Tokenizer.encode`. */
export interface EncodeOptions {
  /** Start with the beginning-of-sequence token, where the tokenizer has one. Default: true. */
  readonly bos?: boolean;
  /** End with the end-of-sequence token, where the tokenizer adds one: for whole texts, not for prompts. Default: false. */
  readonly eos?: boolean;
}

/** Turns token ids into text, one id at a time. Made by `Tokenizer.decoder`. */
export interface TokenDecoder {
  /** The text that this id completes; may be empty. */
  write(id: number): string;
  /** The rest of the text, for instance an unfinished character. The decoder can then be used again. */
  end(): string;
}

/** `decode` for tokenizers that have a `decoder`. */
export function decodeWith(decoder: TokenDecoder, ids: Iterable<number>): string {
  let text = '';
  for (const id of ids) text += decoder.write(id);
  return text + decoder.end();
}

/** A decoder that has read the ids of preceding text. */
export function decoderBehind(decoder: TokenDecoder, before: Iterable<number>): TokenDecoder {
  for (const id of before) decoder.write(id);
  return decoder;
}
