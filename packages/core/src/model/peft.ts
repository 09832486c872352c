import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { readJson } from '../files/read-file.js';
import { type Adapter, adaptedLayout, adapterNames, LARGEST_RANK, type Lora } from './adapters.js';
import type { ModelConfig } from './config.js';
import { tensorName } from './hugging-face.js';
import { pairRows } from './rope-pairing.js';
import { isReadable, readableTypes, readTensor, safetensorsOf } from './safetensors.js';

// https://huggingface.co/docs/peft/developer_guides/checkpoint and LoraConfig in PEFT's src/peft/tuners/lora/config.py: a folder with
// adapter_config.json and adapter_model.safetensors.

export const peftConfigName = 'adapter_config.json';
export const peftTensorsName = 'adapter_model.safetensors';

/** Matrices of a layer that adapters may belong to. */
const matrices = ['wq', 'wk', 'wv', 'wo', 'w1', 'w2', 'w3'] as const;

/** Whether a folder holds adapters as PEFT saves them. */
export const isPeft = (folder: string): boolean => existsSync(join(folder, peftConfigName));

/** The names of an adapter's two tensors in PEFT's file. */
export function peftTensorNames(target: string, layer: number): { readonly down: string; readonly up: string } {
  const module = `base_model.model.${tensorName(target, layer).replace(/\.weight$/, '')}`;
  return { down: `${module}.lora_A.weight`, up: `${module}.lora_B.weight` };
}

/** The name of a matrix among PEFT's `target_modules`. */
export const peftModule = (target: string): string => tensorName(target, 0).split('.').at(-2)!;

/** Values of keys that this decoder's adapters can have; others would change the mathematics. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  peft_type: ['LORA'],
  use_dora: [undefined, false],
  lora_bias: [undefined, false],
  bias: [undefined, 'none'],
  fan_in_fan_out: [undefined, false],
  modules_to_save: [undefined],
  trainable_token_indices: [undefined],
};

/**
 * Reads adapters that PEFT saved for the model in Hugging Face's form.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CONFIG` for another kind of adapters; `ERR_CHECKPOINT` for tensors that are missing, of
 * another shape, or of no layer of the model.
 */
export function readPeft(folder: string, config: ModelConfig): Adapter {
  const configPath = join(folder, peftConfigName);
  const tensorsPath = join(folder, peftTensorsName);
  const json = readJson(configPath, 'ERR_CONFIG');
  for (const [key, allowed] of Object.entries(required)) {
    const value = json[key] ?? undefined;
    if (!allowed.includes(value)) throw unexpected(configPath, key, String(allowed.at(-1) ?? 'nothing'), json[key]);
  }
  for (const key of ['rank_pattern', 'alpha_pattern']) {
    if (Object.keys(json[key] ?? {}).length > 0) throw unexpected(configPath, key, 'no entries', json[key]);
  }
  const { r: rank = 8, lora_alpha: alpha = 8, lora_dropout: dropout = 0, use_rslora: rslora = false } = json;
  if (!Number.isSafeInteger(rank) || Number(rank) < 1 || Number(rank) > LARGEST_RANK)
    throw unexpected(configPath, 'r', `a whole number from 1 to ${LARGEST_RANK}`, rank);
  if (!Number.isFinite(alpha)) throw unexpected(configPath, 'lora_alpha', 'a number', alpha);
  const tensors = safetensorsOf(tensorsPath);
  const targets = matrices.filter((target) => tensors.has(peftTensorNames(target, 0).down));
  const lora: Lora = {
    ...{ rank: Number(rank), alpha: Number(alpha), dropout: Number(dropout), rslora: rslora === true },
    targets,
  };
  const layout = adaptedLayout(config, lora);
  const values = new Float32Array(layout.count - layout.baseCount);
  const known = new Set<string>();
  for (let layer = 0; layer < config.layers; layer++) {
    for (const target of targets) {
      const own = adapterNames(target);
      const stored = peftTensorNames(target, layer);
      for (const kind of ['down', 'up'] as const) {
        const entry = layout.entry(own[kind], layer);
        const tensor = tensors.get(stored[kind]);
        const expected = `[${entry.shape.join(', ')}]`;
        if (tensor === undefined || !isReadable(tensor) || `[${tensor.shape.join(', ')}]` !== expected) {
          const actual = tensor === undefined ? 'none' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
          throw new MayflyError(
            'ERR_CHECKPOINT',
            `${tensorsPath}: Expected a tensor ${stored[kind]} of shape ${expected} and type ${readableTypes}, got ${actual}`,
          );
        }
        const first = entry.offset - layout.baseCount;
        const read = values.subarray(first, first + entry.count);
        readTensor(tensor, read);
        if (kind === 'up') read.set(pairedUp(read, target, config, lora.rank, 'half', config.ropePairing));
        known.add(stored[kind]);
      }
    }
  }
  const unknown = [...tensors.keys()].find((name) => !known.has(name));
  if (unknown !== undefined || targets.length === 0) {
    throw new MayflyError(
      'ERR_CHECKPOINT',
      `${tensorsPath}: Expected adapters of ${matrices.map(peftModule).join(', ')} in the model's layers only, got ${unknown ?? 'none'}`,
    );
  }
  return { lora, values };
}

/** B of queries and keys makes rows in the order of RoPE's pairs. */
export const pairedUp = (
  values: Float32Array,
  target: string,
  { headDim }: ModelConfig,
  rank: number,
  from: ModelConfig['ropePairing'],
  to: ModelConfig['ropePairing'],
): Float32Array => (target === 'wq' || target === 'wk' ? pairRows(values, headDim, rank, from, to) : values);

const unexpected = (path: string, key: string, expected: string, actual: unknown): MayflyError =>
  new MayflyError(
    'ERR_CONFIG',
    `${path}: Expected ${key} to be ${expected}, got ${JSON.stringify(actual) ?? 'nothing'}`,
  );
