import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { invalidArgument, MayflyError } from '@mayfly/native';
import type { CheckpointHeader } from '../checkpoint/format.js';
import { type Checkpoint, readCheckpoint, readCheckpointParts, type SectionSink } from '../checkpoint/read.js';
import { runTokenizer } from '../data/open-tokenizer.js';
import type { TokenizerFiles } from '../data/tokenizer-files.js';
import { type FileFormat, fileFormat } from '../files/file-format.js';
import { isFolder } from '../files/folders.js';
import { isRecord } from '../files/read-file.js';
import { adaptedConfig, baseOf, merged, readAdapter } from './adapter-source.js';
import { adaptersIn } from './adapters.js';
import { carriedTokenizer, checkpointConfig } from './checkpoint-model.js';
import type { ModelConfig } from './config.js';
import { isHuggingFace, openHuggingFace } from './hugging-face.js';
import { readHuggingFaceConfig } from './hugging-face-config.js';
import { initializeParameters } from './initialize.js';
import { llama2cPieces, readLlama2cConfig } from './llama2c.js';
import { type ParameterPiece, type ParameterSink, type ParameterTarget, sinkOf } from './parameter-pieces.js';
import { ParameterLayout } from './parameters.js';
import { isPreset, presets } from './presets.js';

/** A model that `loadModel` found: its shape, and the way to its parameters. */
export interface ModelSource {
  /** Shape of the model. */
  readonly config: ModelConfig;
  /** Reads the parameters. Absent for a preset and for a config without tensors, which have none. */
  readonly parameters?: (target: ParameterTarget) => Promise<void>;
  /** The model's tokenizer, for `openTokenizer`, if it is known. */
  readonly tokenizer?: string | TokenizerFiles;
  /** The file, or the folder of a Hugging Face model. Absent where there are no parameters. */
  readonly path?: string;
  /** Where the adapters are from that `parameters` adds; absent for a model without. */
  readonly adapter?: string;
  /** The model's own files, where there are adapters. */
  readonly base?: string;
  /** Whether a run trained it with attention that stays within the documents of a window. */
  readonly documentMask?: boolean;
  /** One line, e.g. `stories260K.bin (llama2.c)`. */
  readonly description: string;
}

/**
 * Finds a model: a preset's name, a llama2.c checkpoint, a folder as Hugging Face's transformers save one, a checkpoint of
 * Mayfly or a directory of these; or the shape alone, in a `config.json` of transformers or a folder without tensors beside it.
 *
 * @param onWarning Called if the latest checkpoint of a directory is damaged and an earlier one is used. Default: a warning of the
 * process.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `ERR_CHECKPOINT`, `ERR_CONFIG`.
 */
export async function loadModel(
  source: string,
  onWarning: (message: string) => void = (message) => process.emitWarning(message),
): Promise<ModelSource> {
  if (isPreset(source))
    return { config: presets[source], ...bytesOf(presets[source]), description: `${source} (preset)` };
  if (isHuggingFace(source)) return hasTensors(source) ? huggingFaceModel(source) : shapeOf(source, 'config.json');
  const isOurs = isFolder(source, `a preset (${Object.keys(presets).join(', ')}) or a checkpoint`);
  const format = isOurs || source.endsWith('.mayfly') ? 'a checkpoint of Mayfly' : fileFormat(source);
  if (format === 'a checkpoint of Mayfly') return await checkpointModel(source, onWarning);
  if (format === 'a JSON file') return shapeOf(dirname(source), basename(source));
  // llama2.c's files have no mark: a file of no other known format is taken as one.
  if (format === undefined) return llama2cModel(source);
  const told = `${format}${remedies[format] ?? ''}`;
  throw new MayflyError('ERR_CHECKPOINT', `${source}: Expected a checkpoint of llama2.c or Mayfly, got ${told}`);
}

/** Advice for files that are only a part of a model. */
const remedies: Readonly<Partial<Record<FileFormat, string>>> = {
  'a safetensors file': ': name the folder that holds it and its config.json',
  'a SentencePiece model': ', which is a tokenizer: name the folder that holds config.json and model.safetensors',
  'a PyTorch file': ': save the model as safetensors',
  'a PyTorch or NumPy archive': ': save the model as safetensors',
};

function llama2cModel(path: string): ModelSource {
  return {
    config: readLlama2cConfig(path),
    parameters: (target) => pass(llama2cPieces(path), target),
    path,
    description: `${basename(path)} (llama2.c)`,
  };
}

/** Reads pieces, one after the other. */
async function pass(pieces: Iterable<ParameterPiece>, target: ParameterTarget): Promise<void> {
  const sink = sinkOf(target);
  for (const piece of pieces) await sink(piece);
}

function huggingFaceModel(folder: string): ModelSource {
  const model = openHuggingFace(folder);
  return {
    config: model.config,
    parameters: (target) => pass(model.pieces(), target),
    ...tokenizerIn(folder),
    path: folder,
    description: `${basename(folder)} (Hugging Face)`,
  };
}

/** Whether the folder holds tensors, in a format that Mayfly reads or in another one, about which opening it says more. */
const hasTensors = (folder: string): boolean =>
  readdirSync(folder).some((name) => /\.(safetensors|bin|pth?|gguf|ckpt|h5|msgpack)$|\.index\.json$/.test(name));

/** A config without tensors. */
function shapeOf(folder: string, file: string): ModelSource {
  const config = readHuggingFaceConfig(folder, file);
  return {
    config,
    ...bytesOf(config),
    ...tokenizerIn(folder),
    description: `${join(folder, file)} (fresh parameters)`,
  };
}

const tokenizerIn = (folder: string): Pick<ModelSource, 'tokenizer'> =>
  existsSync(join(folder, 'tokenizer.json')) ? { tokenizer: join(folder, 'tokenizer.json') } : {};

async function checkpointModel(source: string, onWarning: (message: string) => void): Promise<ModelSource> {
  const { checkpoint, parts } = await readCheckpointParts(source, carriedTokenizer);
  const { path, header, warnings } = checkpoint;
  for (const warning of warnings) onWarning(warning);
  const tokenizer = parts ?? namedTokenizer(header);
  if (adaptersIn(checkpoint) !== undefined) return await adaptedModel(checkpoint, tokenizer);
  const config = checkpointConfig(checkpoint);
  return {
    config,
    parameters: async (target) => {
      const parameters =
        typeof target === 'function'
          ? sectionSink(checkpoint, target)
          : new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
      const read = await readCheckpoint(source, { parameters });
      // Damage in a header was reported above.
      for (const warning of read.warnings) if (!warnings.includes(warning)) onWarning(warning);
    },
    ...(tokenizer === undefined ? bytesOf(config) : { tokenizer }),
    ...maskOf(header),
    path,
    description: `${basename(path)} (checkpoint, step ${header.step})`,
  };
}

/** Passes on the parameters of a checkpoint, which are fp32, as they are read. */
const sectionSink = ({ sections }: Checkpoint, sink: ParameterSink): SectionSink => ({
  bytes: sections.parameters!,
  write: (bytes, position) =>
    sink({ offset: position / 4, values: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) }),
});

/** The model that adapters were trained for, with them added to its parameters. */
async function adaptedModel(
  checkpoint: Checkpoint,
  tokenizer: string | TokenizerFiles | undefined,
): Promise<ModelSource> {
  const { path, header } = checkpoint;
  const config = adaptedConfig(checkpoint);
  const source = await baseOf(checkpoint);
  const base = source === null ? null : await loadModel(source);
  const { seed } = isRecord(header.options) ? header.options : {};
  const drawn = (target: ParameterTarget) => initializeParameters(new ParameterLayout(config), target, Number(seed));
  return {
    config,
    parameters: merged(config, base?.parameters ?? drawn, () => readAdapter(path, config)),
    ...(tokenizer === undefined ? bytesOf(config) : { tokenizer }),
    ...maskOf(header),
    path,
    adapter: path,
    ...(source !== null && { base: source }),
    description: `${basename(path)} (adapters, step ${header.step}, of ${base?.description ?? 'a model drawn by its seed'})`,
  };
}

/**
 * The model with adapters added to its parameters: those of a PEFT folder, or of a LoRA run.
 *
 * @throws As `readAdapter`.
 */
export function withAdapter(model: ModelSource, source: string | undefined): ModelSource {
  const { config, parameters, description } = model;
  if (source === undefined) return model;
  if (parameters === undefined) throw invalidArgument('adapter', 'left out for a model without parameters', source);
  return {
    ...model,
    parameters: merged(config, parameters, () => readAdapter(source, config)),
    adapter: source,
    ...(model.path !== undefined && { base: model.path }),
    description: `${description} with adapters of ${basename(source)}`,
  };
}

/** A model of 256 ids reads bytes. */
const bytesOf = ({ vocab }: ModelConfig): Pick<ModelSource, 'tokenizer'> =>
  vocab === 256 ? { tokenizer: 'bytes' } : {};

const maskOf = ({ options }: CheckpointHeader): Pick<ModelSource, 'documentMask'> =>
  isRecord(options) && options.documentMask === true ? { documentMask: true } : {};

/** Checkpoints of format version 1 name a run's tokenizer and do not hold it. */
function namedTokenizer({ options }: CheckpointHeader): string | undefined {
  return isRecord(options) ? runTokenizer(options) : undefined;
}
