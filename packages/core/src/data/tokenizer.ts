/** Turns text into token ids and back. */
export interface Tokenizer {
  /** `bytes`, or the file it was read from. */
  readonly name: string;
  /** Ids are 0 … vocab − 1. */
  readonly vocab: number;
  /** Starts each document; absent where documents simply follow each other. */
  readonly bos?: number;
  /** Ends a text that the model writes. */
  readonly eos?: number;
  /**
   * @param options.bos Start with the beginning-of-sequence token, where the tokenizer has one. Default: true.
   */
  encode(text: string, options?: { readonly bos?: boolean }): number[];
  /** Bytes that are no valid UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** Decodes ids as they come: a character is given out when its last byte is there. */
  decoder(): TokenDecoder;
}

export interface TokenDecoder {
  /** The text that this id completes; may be empty. */
  write(id: number): string;
  /** What an unfinished character leaves; the decoder can then start over. */
  end(): string;
}

/** `decode` for tokenizers that have a `decoder`. */
export function decodeWith(decoder: TokenDecoder, ids: Iterable<number>): string {
  let text = '';
  for (const id of ids) text += decoder.write(id);
  return text + decoder.end();
}
