import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openTokenizer } from '../data/open-tokenizer.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { readTokenizerFiles, type TokenizerFiles } from '../data/tokenizer-files.js';
import { isRecord, parseJson, readFile } from '../files/read-file.js';

/** Other files of transformers' tokenizers: they go along where a tokenizer comes from a folder. */
const companions = ['tokenizer.model', 'chat_template.jinja', 'added_tokens.json', 'vocab.json', 'merges.txt'];

/** A model's tokenizer, as files and as it works. */
export class CarriedTokenizer {
  readonly opened: Tokenizer;
  readonly #source: TokenizerFiles;

  /** @throws As `openTokenizer`. */
  constructor(source: string | TokenizerFiles) {
    this.#source = typeof source === 'string' ? withCompanions(readTokenizerFiles(source)) : source;
    this.opened = openTokenizer(source);
  }

  /** How its main file is written. */
  get kind(): 'json' | 'llama2c' | 'bytes' {
    const [main] = Object.values(this.#source.files);
    if (main === undefined) return 'bytes';
    return /^(\xef\xbb\xbf)?\s*\{/.test(main.toString('latin1', 0, 64)) ? 'json' : 'llama2c';
  }

  get source(): TokenizerFiles {
    return this.#source;
  }

  /** The files as transformers names them; of a tokenizer of another kind none. */
  get files(): Readonly<Record<string, Buffer>> {
    if (this.kind !== 'json') return {};
    const [main, ...beside] = Object.entries(this.#source.files);
    return { 'tokenizer.json': main![1], ...Object.fromEntries(beside) };
  }

  /** The object in one of `files`; empty where there is no such file. */
  json(name: string): Readonly<Record<string, unknown>> {
    const content = this.files[name];
    return content === undefined ? {} : parseJson(content, `${name} of ${this.#source.name}`, 'ERR_TOKENIZER');
  }

  /** The template of a chat, for @huggingface/jinja and its kind; undefined where it has none. */
  get chatTemplate(): string | undefined {
    const own = this.json('tokenizer_config.json').chat_template;
    if (typeof own === 'string') return own;
    if (Array.isArray(own)) {
      const named = own.find((each) => isRecord(each) && each.name === 'default');
      if (isRecord(named) && typeof named.template === 'string') return named.template;
    }
    return this.files['chat_template.jinja']?.toString();
  }
}

function withCompanions({ name, files }: TokenizerFiles): TokenizerFiles {
  if (!name.endsWith('tokenizer.json')) return { name, files };
  const more = companions
    .filter((file) => existsSync(join(dirname(name), file)))
    .map((file) => [file, readFile(join(dirname(name), file), 'a tokenizer')] as const);
  return { name, files: { ...files, ...Object.fromEntries(more) } };
}
