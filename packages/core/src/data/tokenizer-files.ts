import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileError } from '../files/errors.js';
import { fileFormat } from '../files/file-format.js';
import { readFile } from '../files/read-file.js';

/** The contents of the files from which a tokenizer is opened. */
export interface TokenizerFiles {
  /** `bytes`, which needs no files, or the path of the main file. */
  readonly name: string;
  /** Their contents by file name, the main one first. */
  readonly files: Readonly<Record<string, Buffer>>;
}

/** Files of transformers that define the tokens before, after and at the end of a text, and the text of conversations. */
const beside = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'config.json',
  'chat_template.jinja',
];

/**
 * Reads the files of a tokenizer without interpreting them.
 *
 * @param source As `openTokenizer` takes it.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`.
 */
export function readTokenizerFiles(source: string): TokenizerFiles {
  if (source === 'bytes') return { name: source, files: {} };
  try {
    const path = statSync(source).isDirectory() ? join(source, 'tokenizer.json') : source;
    const isJson = path.endsWith('.json') || fileFormat(path) === 'a JSON file';
    const others = isJson ? beside.map((name) => join(dirname(path), name)).filter(existsSync) : [];
    const files = [path, ...others].map((file) => [basename(file), readFile(file, 'a tokenizer')] as const);
    return { name: path, files: Object.fromEntries(files) };
  } catch (error) {
    throw fileError(`read a tokenizer at ${source}`, error);
  }
}

/** SHA-256 of the files of a tokenizer, in hexadecimal. */
export function hashTokenizer({ files }: TokenizerFiles): string {
  const hash = createHash('sha256');
  for (const [name, content] of Object.entries(files)) {
    hash.update(JSON.stringify([name, content.length])).update(content);
  }
  return hash.digest('hex');
}

/**
 * Calls `use` with a path at which the files of a tokenizer lie during the call, for readers that read from files only.
 *
 * @throws `ERR_FILE` where no temporary folder can be written.
 */
export function withFilesOf<Result>({ name, files }: TokenizerFiles, use: (path: string) => Result): Result {
  const [main] = Object.keys(files);
  if (main === undefined) return use(name);
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'mayfly-tokenizer-'));
    // Names may come from a forged checkpoint and must not lead out of the folder.
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, basename(file)), content);
    return use(join(folder, basename(main)));
  } catch (error) {
    throw fileError(`unpack the tokenizer ${name}`, error);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
