import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { MayflyError } from '@mayfly/native';
import type { Sections } from '../checkpoint/format.js';
import type { Checkpoint, ReadSection } from '../checkpoint/read.js';
import { hashTokenizer, type TokenizerFiles } from '../data/tokenizer-files.js';
import { isRecord, LARGEST_READ_WHOLE } from '../files/read-file.js';
import { countParameters, type ModelConfig, validateConfig } from './config.js';

/**
 * The shape of the model in a checkpoint. It is checked against the number of parameters before anything is allocated for it.
 *
 * @param layersOf The definitions of its layers that the caller has. Default: the decoder's own.
 * @throws `ERR_CHECKPOINT`; `ERR_LAYER` for a model of other layers than the caller's.
 */
export function checkpointConfig(
  { path, header, sections }: Checkpoint,
  layersOf?: (config: ModelConfig) => CheckpointLayers,
): ModelConfig {
  const { config } = header;
  if (!isRecord(config)) throw unexpected(path, "a model's config in the header", 'none');
  let checked: ModelConfig;
  try {
    checked = validateConfig(config as unknown as ModelConfig);
  } catch (cause) {
    throw unexpected(path, 'a config that describes a model', (cause as Error).message, cause);
  }
  const { layers: saved } = header;
  // A count that is only claimed must not be the length of a list.
  const areOwn = Array.isArray(saved) && saved.length === checked.layers;
  const given = areOwn || header.adapters !== undefined ? layersOf?.(checked) : undefined;
  if (areOwn && String(saved) !== String(given?.names ?? null)) throw otherLayers(path, saved, given?.names ?? null);
  const expected = 4 * (given?.count ?? countParameters(checked));
  const { parameters } = sections;
  if (parameters !== expected) {
    throw unexpected(path, `${expected} bytes of parameters for its config`, String(parameters ?? 'none'));
  }
  const names = layersOf?.(checked).names ?? null;
  if (!areOwn && names !== null) throw otherLayers(path, null, names);
  return checked;
}

/** The layers of a model, as far as its shape does not determine them. */
export interface CheckpointLayers {
  /** Of their definitions, by layer; null where all are the decoder's own. */
  readonly names: readonly string[] | null;
  /** Parameters of the whole model. */
  readonly count: number;
}

function otherLayers(path: string, saved: readonly unknown[] | null, given: readonly string[] | null): MayflyError {
  const shown = (names: readonly unknown[] | null) =>
    names === null ? "the decoder's own" : [...new Set(names)].join(', ');
  const remedy = saved === null ? 'Leave out `layers`' : 'Give createTrainer their definitions as `layers`';
  return new MayflyError(
    'ERR_LAYER',
    `${path}: Expected the layers that it was trained with (${shown(saved)}), got ${shown(given)}. ${remedy}`,
  );
}

const unexpected = (path: string, expected: string, actual: string, cause?: unknown): MayflyError =>
  new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`, { cause });

/** Prefix of the sections that hold the run's tokenizer: one for each file, compressed by gzip. */
const PREFIX = 'tokenizer/';

/** A tokenizer as sections of a checkpoint; compression leaves about a fifth. */
export async function tokenizerSections({ files }: TokenizerFiles): Promise<Sections> {
  const packed = Object.entries(files).map(
    async ([name, content]) => [`${PREFIX}${name}`, await promisify(gzip)(content)] as const,
  );
  return Object.fromEntries(await Promise.all(packed));
}

/**
 * The tokenizer in a checkpoint; undefined if it has none. For `readCheckpointParts`.
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
