import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Tokenizer as Tokenizers } from '@huggingface/tokenizers';
import { MayflyError } from '@mayfly/native';
import { isRecord, readJson } from './read-json.js';
import type { TokenDecoder, Tokenizer } from './tokenizer.js';

/** A character whose last byte has not come. */
const REPLACEMENT = '\uFFFD';

/** A `tokenizer.json` of Hugging Face's tokenizers, with the `tokenizer_config.json` beside it where there is one. */
export class HuggingFaceTokenizer implements Tokenizer {
  readonly vocab: number;
  readonly bos?: number;
  readonly eos?: number;
  readonly #tokenizer: Tokenizers;

  /** @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_TOKENIZER` for a file of another kind. */
  constructor(readonly name: string) {
    const json = readJson(name, 'ERR_TOKENIZER');
    const beside = join(dirname(name), 'tokenizer_config.json');
    const config = existsSync(beside) ? readJson(beside, 'ERR_TOKENIZER') : {};
    try {
      this.#tokenizer = new Tokenizers(json, config);
      this.vocab = Math.max(...this.#tokenizer.get_vocab(true).values()) + 1;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new MayflyError('ERR_TOKENIZER', `${name}: Expected a tokenizer.json, got one refused with: ${reason}`, {
        cause,
      });
    }
    const bos = this.#tokenizer.encode('').ids[0];
    const eos = this.#special(config.eos_token);
    if (bos !== undefined && bos !== eos) this.bos = bos;
    if (eos !== undefined) this.eos = eos;
  }

  encode(text: string, { bos = true }: { readonly bos?: boolean } = {}): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: bos }).ids;
  }

  decode(ids: Iterable<number>): string {
    const checked = Array.from(ids, (id) => this.#checked(id));
    return checked.length === 0 ? '' : this.#tokenizer.decode(checked, { skip_special_tokens: true });
  }

  /**
   * What a token adds to the text depends on its neighbours (spaces, bytes of a character): each is decoded behind those
   * that came with the last text given out.
   */
  decoder(): TokenDecoder {
    let before: number[] = [];
    let open: number[] = [];
    const added = () => this.decode([...before, ...open]).slice(this.decode(before).length);
    return {
      write: (id) => {
        open.push(id);
        const text = added();
        if (text.endsWith(REPLACEMENT)) return '';
        before = open;
        open = [];
        return text;
      },
      end: () => {
        const text = added();
        before = [];
        open = [];
        return text;
      },
    };
  }

  #checked(id: number): number {
    if (Number.isInteger(id) && id >= 0 && id < this.vocab) return id;
    throw new MayflyError('ERR_TOKEN_RANGE', `Expected a token id below the vocabulary's ${this.vocab}, got ${id}`);
  }

  /** A token's name is text, or an object that holds it. */
  #special(token: unknown): number | undefined {
    const content = isRecord(token) ? token.content : token;
    return typeof content === 'string' ? this.#tokenizer.token_to_id(content) : undefined;
  }
}
