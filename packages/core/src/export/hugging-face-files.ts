import type { ModelConfig } from '../model/config.js';
import { tensorName } from '../model/hugging-face.js';
import type { CarriedTokenizer } from './carried-tokenizer.js';
import { configJson, type TokenIds } from './config-json.js';
import { type FilePlan, jsonFile } from './file-plan.js';
import { modelTensors } from './model-tensors.js';
import { type SafetensorsDtype, safetensorsFiles } from './safetensors-files.js';
import { bytesTokenizerJson, llama2cTokenizerJson, type TokenizerJson } from './tokenizer-json.js';

const torchDtypes: Readonly<Record<SafetensorsDtype, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

export interface HuggingFaceSettings {
  readonly dtype: SafetensorsDtype;
  /** Above which the tensors are divided among files. */
  readonly shardBytes: number;
}

/** The files of a folder as transformers saves a model: `config.json`, safetensors, `generation_config.json`, the tokenizer's. */
export function huggingFaceFiles(
  config: ModelConfig,
  parameters: Float32Array,
  tokenizer: CarriedTokenizer | undefined,
  { dtype, shardBytes }: HuggingFaceSettings,
): FilePlan[] {
  const tensors = modelTensors(config, parameters, 'half').map((tensor) => ({
    ...tensor,
    storedName: tensorName(tensor.name, tensor.layer),
  }));
  const ids = tokenizer === undefined ? {} : tokenIds(tokenizer);
  return [
    jsonFile('config.json', configJson({ ...config, ropePairing: 'half' }, torchDtypes[dtype], ids)),
    ...(tokenizer === undefined ? [] : tokenizerFiles(tokenizer, ids)),
    ...safetensorsFiles(tensors, dtype, shardBytes),
  ];
}

/** The ids that a folder's own files name, else those with which the tokenizer works. */
function tokenIds(tokenizer: CarriedTokenizer): TokenIds {
  const { bos, eos, stops = eos === undefined ? [] : [eos] } = tokenizer.opened;
  const carried = tokenizer.json('config.json');
  const given = (name: keyof TokenIds, fallback: unknown) => {
    const value = carried[name] ?? fallback;
    return value === undefined ? {} : { [name]: value };
  };
  return {
    ...given('bos_token_id', bos),
    ...given('eos_token_id', stops.length > 1 ? stops : stops[0]),
    ...given('pad_token_id', undefined),
  };
}

function tokenizerFiles(tokenizer: CarriedTokenizer, ids: TokenIds): FilePlan[] {
  const generation = { _from_model_config: true, ...ids };
  const { 'config.json': _, ...carried } = tokenizer.files;
  const files: FilePlan[] = Object.entries(carried).map(([name, content]) => ({ name, pieces: [content] }));
  if (carried['generation_config.json'] === undefined) files.push(jsonFile('generation_config.json', generation));
  const made = madeTokenizer(tokenizer);
  if (made === undefined) return files;
  return [...files, jsonFile('tokenizer.json', made.tokenizer), jsonFile('tokenizer_config.json', made.config)];
}

/** A `tokenizer.json` for a tokenizer that came without one. */
function madeTokenizer({ kind, source }: CarriedTokenizer): TokenizerJson | undefined {
  if (kind === 'bytes') return bytesTokenizerJson();
  return kind === 'llama2c' ? llama2cTokenizerJson(source) : undefined;
}
