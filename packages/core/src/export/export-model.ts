import { basename, resolve } from 'node:path';
import { invalidArgument } from '@mayfly/native';
import { abortSignal, flag, oneOf, text, whole } from '../check.js';
import { checkTokenizer } from '../data/check-tokens.js';
import { adapterOption } from '../inference/shared-options.js';
import { readAdapter } from '../model/adapter-source.js';
import { countParameters } from '../model/config.js';
import { loadModel, type ModelSource, withAdapter } from '../model/load-model.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { CarriedTokenizer } from './carried-tokenizer.js';
import { type FilePlan, planBytes } from './file-plan.js';
import { ggufModel } from './gguf-model.js';
import { huggingFaceFiles } from './hugging-face-files.js';
import { llama2cFile } from './llama2c-file.js';
import type { ExportDtype } from './number-format.js';
import { peftFiles } from './peft-files.js';
import type { SafetensorsDtype } from './safetensors-files.js';
import { writePlannedFile, writePlannedFolder } from './write-plan.js';

export type { ExportDtype };
/** The programs for which `exportModel` writes: transformers, llama2.c, llama.cpp, PEFT. */
export type ExportFormat = 'hf' | 'llama2c' | 'gguf' | 'peft';

/** Options of `exportModel`. */
export interface ExportOptions {
  /** A run, a checkpoint of Mayfly, a folder of Hugging Face's transformers, or a llama2.c checkpoint. */
  readonly model: string;
  /** A folder of PEFT's adapters, or a LoRA run, whose adapters are added to the model's parameters. Default: none. */
  readonly adapter?: string | undefined;
  /**
   * `hf` is a folder as Hugging Face's transformers saves one, `llama2c` a checkpoint of llama2.c (version 0), `gguf` a file for llama.cpp.
   */
  readonly format: ExportFormat;
  /** The folder (`hf`) or file that is written. */
  readonly out: string;
  /** Of the numbers: `f32`, `f16` and `bf16` for `hf`, these and `q8_0` for `gguf`, `f32` for `llama2c`. Default `f32`. */
  readonly dtype?: ExportDtype | undefined;
  /** `bytes`, a file, or `none` to leave it out. Default: the model's own. */
  readonly tokenizer?: string | undefined;
  /** Bytes of tensors above which `hf` divides them among files. Default 5e9. */
  readonly shardBytes?: number | undefined;
  /** Replaces what an earlier export wrote to `out`. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Ends the export, with its reason; nothing is left. */
  readonly signal?: AbortSignal | undefined;
}

/** The table of `ExportOptions`. */
export const exportOptions = {
  model: { rule: text, required: true },
  adapter: adapterOption,
  format: {
    ...{ rule: oneOf<ExportFormat>('hf', 'llama2c', 'gguf', 'peft'), required: true, flag: '--format <name>' },
    help: 'hf, llama2c, gguf, or peft: the adapters of a LoRA run',
  },
  out: { rule: text, required: true, flag: '--out <path>', help: 'folder (hf) or file to write' },
  dtype: {
    ...{ rule: oneOf<ExportDtype>('f32', 'f16', 'bf16', 'q8_0'), default: 'f32', flag: '--dtype <name>' },
    help: 'f32, f16, bf16; gguf: q8_0, too',
  },
  tokenizer: {
    ...{ rule: text, defaultText: "the model's own", flag: '--tokenizer <name>' },
    help: '`bytes`, a llama2.c tokenizer file, a tokenizer.json, or `none`',
  },
  shardBytes: {
    ...{ rule: whole(1), default: 5e9, flag: '--shard-bytes <n>' },
    help: 'hf: bytes of tensors in one file at most',
  },
  overwrite: { rule: flag, default: false, flag: '--overwrite', help: 'replace an earlier export' },
  signal: { rule: abortSignal },
} as const satisfies OptionTable<ExportOptions>;

/** What `exportModel` wrote. */
export interface ExportSummary {
  readonly format: ExportFormat;
  readonly dtype: ExportDtype;
  /** Absolute. */
  readonly out: string;
  /** Names within a folder; the name of the one file. */
  readonly files: readonly string[];
  readonly bytes: number;
  readonly parameters: number;
  /** Where the other program will not do as Mayfly does. */
  readonly warnings: readonly string[];
}

const dtypesOf: Readonly<Record<ExportFormat, readonly ExportDtype[]>> = {
  hf: ['f32', 'f16', 'bf16'],
  peft: ['f32', 'f16', 'bf16'],
  llama2c: ['f32'],
  gguf: ['f32', 'f16', 'bf16', 'q8_0'],
};

/**
 * Writes a model in the format of another program, as a whole or not at all.
 *
 * @throws `ERR_FILE_EXISTS`; `ERR_CONFIG` for a model that the format has no place for; `ERR_TOKENIZER`; `ERR_MODEL_VALUES`; as
 * `loadModel`; `ERR_FILE` where the file system refuses; the signal's reason.
 */
export async function exportModel(given: ExportOptions): Promise<ExportSummary> {
  const { options } = resolveOptions('exportModel', exportOptions, given);
  const { format, dtype, out, overwrite, signal } = options;
  if (!dtypesOf[format].includes(dtype)) {
    throw invalidArgument('dtype', `${dtypesOf[format].join(' or ')} for ${format}`, dtype);
  }
  const model = withAdapter(await loadModel(options.model), options.adapter);
  if (model.parameters === undefined) throw invalidArgument('model', 'a model with parameters', options.model);
  const tokenizer = format === 'llama2c' ? undefined : tokenizerOf(options.tokenizer, model);
  const parameters = new Float32Array(countParameters(model.config));
  await model.parameters(parameters);
  signal?.throwIfAborted();
  const settings = { overwrite, signal };
  let files: readonly FilePlan[];
  let warnings: readonly string[] = [];
  switch (format) {
    case 'hf':
      files = huggingFaceFiles(model.config, parameters, tokenizer, {
        // q8_0 was refused above.
        dtype: dtype as SafetensorsDtype,
        shardBytes: options.shardBytes,
      });
      await writePlannedFolder(out, files, settings);
      break;
    case 'peft': {
      if (model.adapter === undefined) throw invalidArgument('model', 'a LoRA run for the format peft', options.model);
      const adapter = await readAdapter(model.adapter, model.config);
      files = peftFiles(model.config, adapter, { base: model.base ?? null, dtype: dtype as SafetensorsDtype });
      await writePlannedFolder(out, files, settings);
      break;
    }
    case 'gguf': {
      const title = basename(resolve(options.model)).replace(/\.(bin|mayfly)$/, '');
      const gguf = ggufModel(basename(out), model.config, parameters, tokenizer, { dtype, title });
      files = [gguf.file];
      warnings = gguf.warnings;
      await writePlannedFile(out, gguf.file, settings);
      break;
    }
    case 'llama2c':
      files = [llama2cFile(basename(out), model.config, parameters)];
      await writePlannedFile(out, files[0]!, settings);
  }
  return {
    ...{ format, dtype, out: resolve(out), files: files.map(({ name }) => name) },
    bytes: files.reduce((total, file) => total + planBytes(file), 0),
    parameters: parameters.length,
    warnings,
  };
}

/** The tokenizer that goes along; undefined for a model without one, and for `none`. */
function tokenizerOf(named: string | undefined, model: ModelSource): CarriedTokenizer | undefined {
  const source = named ?? model.tokenizer;
  if (source === undefined || source === 'none') return undefined;
  const tokenizer = new CarriedTokenizer(source);
  checkTokenizer(tokenizer.opened, model.config.vocab);
  return tokenizer;
}
