import { MayflyError } from '@mayfly/native';
import { readLlama2cVocabulary } from '../data/llama2c-tokenizer.js';
import { type TokenizerFiles, withFilesOf } from '../data/tokenizer-files.js';

/** Files of transformers for a tokenizer that came in another form. */
export interface TokenizerJson {
  readonly tokenizer: Record<string, unknown>;
  readonly config: Record<string, unknown>;
}

/** The characters that stand for bytes in the vocabularies of GPT-2's kind: printable ones for themselves, others from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
})();

/** The tokenizer `bytes`: id n is the byte n. */
export function bytesTokenizerJson(): TokenizerJson {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
        ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
        vocab: Object.fromEntries(byteCharacters.map((character, byte) => [character, byte])),
        merges: [],
      },
    },
    config: { tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false },
  };
}

/** The pieces of a vocabulary of llama2.c as SentencePiece names them, and their scores. */
export function sentencePieces(source: TokenizerFiles): {
  readonly pieces: string[];
  readonly scores: readonly number[];
} {
  const { pieces, scores } = withFilesOf(source, readLlama2cVocabulary);
  const names = pieces.map((piece) => Buffer.from(piece, 'latin1').toString().replaceAll(' ', '▁'));
  // llama2.c's exporter puts line feeds around the names of BOS and EOS.
  return { pieces: ['<unk>', '<s>', '</s>', ...names.slice(3)], scores };
}

/**
 * A vocabulary of llama2.c in the form of Llama 2's `tokenizer.json`: a merge for each way to put a piece together from two, the
 * best score first.
 */
export function llama2cTokenizerJson(source: TokenizerFiles): TokenizerJson {
  const { pieces, scores } = sentencePieces(source);
  const ids = new Map(pieces.map((piece, id) => [piece, id] as const).reverse());
  if (ids.size !== pieces.length) {
    throw new MayflyError(
      'ERR_TOKENIZER',
      `${source.name}: Expected pieces that differ, for a tokenizer.json, got two alike`,
    );
  }
  const merges = pieces.flatMap((piece, id) => {
    const characters = Array.from(piece);
    return characters.slice(1).flatMap((_, cut) => {
      const [left, right] = [characters.slice(0, cut + 1).join(''), characters.slice(cut + 1).join('')];
      return id > 258 && ids.has(left) && ids.has(right) ? [{ left, right, score: scores[id]! }] : [];
    });
  });
  merges.sort((a, b) => b.score - a.score);
  const special = (content: string, id: number) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  });
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [special('<unk>', 0), special('<s>', 1), special('</s>', 2)],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [
          { SpecialToken: { id: '<s>', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '<s>', type_id: 1 } },
          { Sequence: { id: 'B', type_id: 1 } },
        ],
        special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        ...{
          type: 'BPE',
          dropout: null,
          unk_token: '<unk>',
          continuing_subword_prefix: null,
          end_of_word_suffix: null,
        },
        ...{ fuse_unk: true, byte_fallback: true, ignore_merges: false },
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        merges: merges.map(({ left, right }) => `${left} ${right}`),
      },
    },
    config: {
      ...{ tokenizer_class: 'LlamaTokenizer', bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' },
      ...{ add_bos_token: true, add_eos_token: false, clean_up_tokenization_spaces: false, legacy: true },
    },
  };
}
