/** Turns text into token ids and back. */
export interface Tokenizer {
  /** `bytes`, or the file it was read from. */
  readonly name: string;
  /** Ids are 0 … vocab − 1. */
  readonly vocab: number;
  /** Ids from here on are added tokens, which only occur where a text spells them out. Default: `vocab`. */
  readonly ordinary?: number;
  /** A token as the tokenizer calls it, for messages. Default: none. */
  token?(id: number): string | undefined;
  /** Ids below `vocab` that stand for no token. Default: none. */
  readonly holes?: readonly number[];
  /** Starts each text; absent where the tokenizer adds nothing there. */
  readonly bos?: number;
  /** Ends a text that the model writes. */
  readonly eos?: number;
  /** Ids that end a text that the model writes: `eos` and others. Default: `eos` alone. */
  readonly stops?: readonly number[];
  /** Stands between documents that the tokenizer puts nothing around. Default: none. */
  readonly separator?: readonly number[];
  /**
   * @param options.bos Start with the beginning-of-sequence token, where the tokenizer has one. Default: true.
   * @param options.eos End with the end-of-sequence token, where the tokenizer adds one: for whole texts, not for prompts.
   * Default: false.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** Bytes that are no valid UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /**
   * Decodes ids as they come: text is given out when no id that follows can change it. All pieces together are what `decode`
   * makes of all ids.
   *
   * @param before Ids whose text is there already, of a prompt for instance: what is given out goes on behind it. Default: none.
   */
  decoder(before?: Iterable<number>): TokenDecoder;
}

export interface EncodeOptions {
  readonly bos?: boolean;
  readonly eos?: boolean;
}

export interface TokenDecoder {
  /** The text that this id completes; may be empty. */
  write(id: number): string;
  /** What was held back, an unfinished character for instance; the decoder can then start over. */
  end(): string;
}

/** `decode` for tokenizers that have a `decoder`. */
export function decodeWith(decoder: TokenDecoder, ids: Iterable<number>): string {
  let text = '';
  for (const id of ids) text += decoder.write(id);
  return text + decoder.end();
}

/** A decoder that goes on behind ids whose text is there already. */
export function decoderBehind(decoder: TokenDecoder, before: Iterable<number>): TokenDecoder {
  for (const id of before) decoder.write(id);
  return decoder;
}
