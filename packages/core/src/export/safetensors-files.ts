import type { FilePlan } from './file-plan.js';
import { jsonFile } from './file-plan.js';
import type { ModelTensor } from './model-tensors.js';
import { type ExportDtype, numberFormats } from './number-format.js';

/** A tensor and its name in the files. */
export type NamedTensor = ModelTensor & { readonly storedName: string };

export type SafetensorsDtype = Exclude<ExportDtype, 'q8_0'>;

/** The format's names of types. */
const dtypes: Readonly<Record<SafetensorsDtype, string>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

/**
 * `model.safetensors`; above `shardBytes` of tensors several files with an index. A tensor is never cut.
 *
 * @see https://github.com/huggingface/safetensors
 */
export function safetensorsFiles(
  tensors: readonly NamedTensor[],
  dtype: SafetensorsDtype,
  shardBytes: number,
): FilePlan[] {
  const bytesOf = ({ count }: NamedTensor) => numberFormats[dtype].bytes(count);
  const shards: NamedTensor[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    if (filled > 0 && filled + bytesOf(tensor) > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(tensor);
    filled += bytesOf(tensor);
  }
  if (shards.length === 1) return [safetensorsFile('model.safetensors', tensors, dtype)];
  const padded = (index: number) => String(index).padStart(5, '0');
  const names = shards.map((_, index) => `model-${padded(index + 1)}-of-${padded(shards.length)}.safetensors`);
  const index = {
    metadata: { total_size: tensors.reduce((total, tensor) => total + bytesOf(tensor), 0) },
    weight_map: Object.fromEntries(
      shards.flatMap((shard, place) => shard.map(({ storedName }) => [storedName, names[place]])),
    ),
  };
  return [
    ...shards.map((shard, place) => safetensorsFile(names[place]!, shard, dtype)),
    jsonFile('model.safetensors.index.json', index),
  ];
}

/** One file of safetensors. */
export function safetensorsFile(name: string, tensors: readonly NamedTensor[], dtype: SafetensorsDtype): FilePlan {
  let end = 0;
  const entries = tensors.map(({ storedName, shape, count }) => {
    const start = end;
    end += numberFormats[dtype].bytes(count);
    return [storedName, { dtype: dtypes[dtype], shape, data_offsets: [start, end] }];
  });
  // transformers refuses files whose metadata do not name a framework.
  const header = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  // Spaces behind the header align the tensors.
  const text = Buffer.from(header.padEnd(Math.ceil(Buffer.byteLength(header) / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return { name, pieces: [length, text, ...tensors.map(({ count, values }) => ({ count, values, dtype }))] };
}
