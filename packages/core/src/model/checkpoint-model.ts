import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { MayflyError } from '@mayfly/native';
import type { Sections } from '../checkpoint/format.js';
import type { Checkpoint, ReadSection } from '../checkpoint/read.js';
import { hashTokenizer, type TokenizerFiles } from '../data/tokenizer-files.js';
import { isRecord, LARGEST_READ_WHOLE } from '../files/read-file.js';
import { countParameters, type ModelConfig, validateConfig } from './config.js';

/**
 * The shape of the model in a checkpoint, whose parameters must be as many as it says: nothing is made of a shape before that
 * is known, however many layers it claims.
 *
 * @throws `ERR_CHECKPOINT`.
 */
export function checkpointConfig({ path, header, sections }: Checkpoint): ModelConfig {
  const { config } = header;
  if (!isRecord(config)) throw unexpected(path, "a model's config in the header", 'none');
  let checked: ModelConfig;
  try {
    checked = validateConfig(config as unknown as ModelConfig);
  } catch (cause) {
    throw unexpected(path, 'a config that describes a model', (cause as Error).message, cause);
  }
  const expected = 4 * countParameters(checked);
  const { parameters } = sections;
  if (parameters !== expected) {
    throw unexpected(path, `${expected} bytes of parameters for its config`, String(parameters ?? 'none'));
  }
  return checked;
}

const unexpected = (path: string, expected: string, actual: string, cause?: unknown): MayflyError =>
  new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`, { cause });

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
