import { MayflyError } from '@mayfly/native';
import { decoderBehind, decodeWith, type TokenDecoder, type Tokenizer } from './tokenizer.js';

/** Each byte of UTF-8 is its own id. */
export class ByteTokenizer implements Tokenizer {
  readonly name = 'bytes';
  readonly vocab = 256;

  encode(text: string): number[] {
    return Array.from(new TextEncoder().encode(text));
  }

  decode(ids: Iterable<number>): string {
    return decodeWith(this.decoder(), ids);
  }

  decoder(before: Iterable<number> = []): TokenDecoder {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    const byte = new Uint8Array(1);
    const decoder: TokenDecoder = {
      write(id) {
        if (!(id >= 0 && id < 256)) {
          throw new MayflyError('ERR_TOKEN_RANGE', `Expected a token id below the vocabulary's 256, got ${id}`);
        }
        byte[0] = id;
        return utf8.decode(byte, { stream: true });
      },
      end: () => utf8.decode(),
    };
    return decoderBehind(decoder, before);
  }
}
