import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { type CheckpointHeader, readCheckpoint, readCheckpointHeader } from '../checkpoint/checkpoint.js';
import { type FileFormat, fileFormat } from '../data/file-format.js';
import { isFolder } from '../data/is-folder.js';
import { isRecord } from '../data/read-json.js';
import { runTokenizer } from '../data/run-tokenizer.js';
import type { ModelConfig } from './config.js';
import { isHuggingFace, openHuggingFace } from './hugging-face.js';
import { importLlama2c, readLlama2cConfig } from './llama2c.js';
import { isPreset, presets } from './presets.js';
import { validateConfig } from './validate-config.js';

export interface ModelSource {
  readonly config: ModelConfig;
  /** Reads the parameters into the flat block; absent for a preset, which has none. */
  readonly parameters?: (target: Float32Array) => Promise<void>;
  /** The tokenizer that the model was trained with, or made for, as `openTokenizer` takes it, where that is known. */
  readonly tokenizer?: string;
  /** One line, e.g. `stories260K.bin (llama2.c)`. */
  readonly description: string;
}

/**
 * Finds a model: a preset's name, a llama2.c checkpoint, a folder as Hugging Face's transformers save one, a checkpoint of
 * Mayfly or a directory of these.
 *
 * @param onWarning Told when the latest checkpoint of a directory is damaged and an earlier one is taken. Default: a
 * warning of the process.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `ERR_CHECKPOINT`, `ERR_CONFIG`.
 */
export async function loadModel(
  source: string,
  onWarning: (message: string) => void = (message) => process.emitWarning(message),
): Promise<ModelSource> {
  if (isPreset(source))
    return { config: presets[source], ...bytesOf(presets[source]), description: `${source} (preset)` };
  if (isHuggingFace(source)) return huggingFaceModel(source);
  const isOurs = isFolder(source, `a preset (${Object.keys(presets).join(', ')}) or a checkpoint`);
  const format = isOurs || source.endsWith('.mayfly') ? 'a checkpoint of Mayfly' : fileFormat(source);
  if (format === 'a checkpoint of Mayfly') return await checkpointModel(source, onWarning);
  // Llama2.c's files have no mark: a file is one unless it says that it is another.
  if (format === undefined) return llama2cModel(source);
  const told = `${format}${remedies[format] ?? ''}`;
  throw new MayflyError('ERR_CHECKPOINT', `${source}: Expected a checkpoint of llama2.c or Mayfly, got ${told}`);
}

/** What is needed instead of files that are a part of a model. */
const remedies: Readonly<Partial<Record<FileFormat, string>>> = {
  'a safetensors file': ': name the folder that holds it and its config.json',
  'a JSON file': ': name the folder that holds config.json and model.safetensors',
  'a SentencePiece model': ', which is a tokenizer: name the folder that holds config.json and model.safetensors',
  'a PyTorch file': ': save the model as safetensors',
  'a PyTorch or NumPy archive': ': save the model as safetensors',
};

function llama2cModel(path: string): ModelSource {
  return {
    config: readLlama2cConfig(path),
    parameters: async (target) => {
      importLlama2c(path, target);
    },
    description: `${basename(path)} (llama2.c)`,
  };
}

function huggingFaceModel(folder: string): ModelSource {
  const model = openHuggingFace(folder);
  return {
    config: model.config,
    parameters: async (target) => model.readParameters(target),
    ...(existsSync(join(folder, 'tokenizer.json')) ? { tokenizer: join(folder, 'tokenizer.json') } : {}),
    description: `${basename(folder)} (Hugging Face)`,
  };
}

async function checkpointModel(source: string, onWarning: (message: string) => void): Promise<ModelSource> {
  const { path, header, warnings } = await readCheckpointHeader(source);
  for (const warning of warnings) onWarning(warning);
  if (typeof header.config !== 'object' || header.config === null) {
    throw new MayflyError('ERR_CHECKPOINT', `${path}: Expected a model's config in the header, got none`);
  }
  return {
    config: validateConfig(header.config as ModelConfig),
    parameters: async (target) => {
      const parameters = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
      const read = await readCheckpoint(source, { parameters });
      // Damage in a header was reported above.
      for (const warning of read.warnings) if (!warnings.includes(warning)) onWarning(warning);
    },
    ...tokenizerOf(header),
    description: `${basename(path)} (checkpoint, step ${header.step})`,
  };
}

/** Ids of bytes. */
const bytesOf = ({ vocab }: ModelConfig): Pick<ModelSource, 'tokenizer'> =>
  vocab === 256 ? { tokenizer: 'bytes' } : {};

/** That of a training run, whose options its checkpoints hold. */
function tokenizerOf({ options, config }: CheckpointHeader): Pick<ModelSource, 'tokenizer'> {
  const tokenizer = isRecord(options) ? runTokenizer(options) : undefined;
  return tokenizer === undefined ? bytesOf(config as ModelConfig) : { tokenizer };
}
