import { MayflyError } from '@mayfly/native';
import { countParameters, type ModelConfig, validateConfig } from './config.js';
import type { ParameterEntry, ParameterLayout, ParameterName } from './parameters.js';

// llama2.c's legacy checkpoint: seven little-endian int32 (dim, hidden, layers, heads, kvHeads, vocab, sequence; vocab
// negative where the head is untied), then fp32 blocks, each holding one parameter of all layers, with two RoPE tables
// before the head. https://github.com/karpathy/llama2.c (export.py, version 0)

export const headerBytes = 7 * 4;

/** RoPE tables: in the file, not in the model. Each is [sequence, headDim / 2]. */
const ropeTables = ['cosines', 'sines'] as const;
type RopeTable = (typeof ropeTables)[number];

/** The order of the file's blocks. */
const blocks: readonly (ParameterName | RopeTable)[] = [
  'embedding',
  'attentionNorm',
  'wq',
  'wk',
  'wv',
  'wo',
  'feedForwardNorm',
  'w1',
  'w2',
  'w3',
  'finalNorm',
  ...ropeTables,
  'head',
];

/** A run of the file: a parameter, or a RoPE table of `count` elements. */
export type Llama2cPart = { readonly count: number } & (
  | { readonly entry: ParameterEntry }
  | { readonly entry: undefined; readonly table: RopeTable }
);

/** Everything after the header, in the file's order. Import and export both walk this. */
export function llama2cParts(layout: ParameterLayout): Llama2cPart[] {
  const { headDim, sequence } = layout.config;
  return blocks.flatMap((block): Llama2cPart[] => {
    if (block === 'cosines' || block === 'sines') {
      return [{ table: block, entry: undefined, count: (sequence * headDim) / 2 }];
    }
    return layout.entries.filter(({ name }) => name === block).map((entry) => ({ entry, count: entry.count }));
  });
}

/** Bytes of the whole file. Arithmetic only: the header of some other file may ask for 10^9 layers. */
export function llama2cBytes(config: ModelConfig): number {
  return headerBytes + 4 * (countParameters(config) + config.sequence * config.headDim);
}

export function encodeHeader(config: ModelConfig): Buffer {
  const { dim, hidden, layers, heads, kvHeads, vocab, sequence, tiedHead } = config;
  const header = Buffer.alloc(headerBytes);
  for (const [index, value] of [dim, hidden, layers, heads, kvHeads, tiedHead ? vocab : -vocab, sequence].entries()) {
    header.writeInt32LE(value, index * 4);
  }
  return header;
}

/** @throws `ERR_CHECKPOINT` where the header describes no model. */
export function decodeHeader(header: Buffer, path: string): ModelConfig {
  if (header.subarray(0, 4).toString('latin1') === '24ka') {
    throw notLlama2c(path, 'a version 0 file of llama2.c', "a later version's (`ak42`): export it with `--version 0`");
  }
  const [dim = 0, hidden = 0, layers = 0, heads = 0, kvHeads = 0, vocab = 0, sequence = 0] = Array.from(
    { length: 7 },
    (_, index) => header.readInt32LE(index * 4),
  );
  if (heads < 1 || dim % heads !== 0) {
    throw notLlama2c(path, 'a header with dim a multiple of heads', `dim ${dim} and heads ${heads}`);
  }
  const config: ModelConfig = {
    ...{ dim, hidden, layers, heads, kvHeads, headDim: dim / heads, vocab: Math.abs(vocab), sequence },
    ...{ eps: 1e-5, ropeBase: 10_000, ropePairing: 'interleaved', tiedHead: vocab > 0 },
  };
  try {
    return validateConfig(config);
  } catch (cause) {
    throw notLlama2c(path, 'a header that describes a model', (cause as Error).message, { cause });
  }
}

export function notLlama2c(path: string, expected: string, actual: string, options?: ErrorOptions): MayflyError {
  return new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`, options);
}
