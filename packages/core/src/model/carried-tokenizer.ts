import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { MayflyError } from '@mayfly/native';
import type { Checkpoint, ReadSection, Sections } from '../checkpoint/checkpoint.js';
import { hashTokenizer, type TokenizerFiles } from '../data/tokenizer-files.js';
import { isRecord } from '../files/read-json.js';
import { LARGEST_READ_WHOLE } from '../files/with-file.js';

/** Sections of a checkpoint that hold the run's tokenizer, one a file, compressed by gzip. */
const PREFIX = 'tokenizer/';

/** A tokenizer as sections of a checkpoint: about a fifth of its size. */
export async function tokenizerSections({ files }: TokenizerFiles): Promise<Sections> {
  const packed = Object.entries(files).map(
    async ([name, content]) => [`${PREFIX}${name}`, await promisify(gzip)(content)] as const,
  );
  return Object.fromEntries(await Promise.all(packed));
}

/**
 * The tokenizer that a checkpoint carries; undefined where it has none. For `readCheckpointParts`.
 *
 * @throws `ERR_CHECKPOINT` where it is damaged.
 */
export async function carriedTokenizer(
  { path, header, sections }: Pick<Checkpoint, 'path' | 'header' | 'sections'>,
  readSection: ReadSection,
): Promise<TokenizerFiles | undefined> {
  const identity = isRecord(header.inputs) ? header.inputs.tokenizer : undefined;
  if (!isRecord(identity)) return undefined;
  const files: Record<string, Buffer> = {};
  for (const name of Object.keys(sections).filter((section) => section.startsWith(PREFIX))) {
    try {
      const content = await readSection(name);
      files[name.slice(PREFIX.length)] = await promisify(gunzip)(content, { maxOutputLength: LARGEST_READ_WHOLE });
    } catch (cause) {
      throw damaged(path, (cause as Error).message, cause);
    }
  }
  const tokenizer = { name: String(identity.source), files };
  if (hashTokenizer(tokenizer) !== identity.sha256) throw damaged(path, 'another');
  return tokenizer;
}

const damaged = (path: string, actual: string, cause?: unknown): MayflyError =>
  new MayflyError('ERR_CHECKPOINT', `${path}: Expected the tokenizer that its header names, got ${actual}`, { cause });
