import { closeSync } from 'node:fs';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { writeAtomically } from '../files/atomic-file.js';
import { describeValue, fileError } from '../files/errors.js';
import { openFile, readFully, withFile } from '../files/read-file.js';
import { countParameters, type ModelConfig } from './config.js';
import { decodeHeader, encodeHeader, headerBytes, llama2cBytes, llama2cParts, notLlama2c } from './llama2c-format.js';
import { type ParameterPiece, PIECE_ELEMENTS } from './parameter-pieces.js';
import { type ParameterEntry, ParameterLayout } from './parameters.js';

const kind = 'a llama2.c checkpoint';

/**
 * The model that a llama2.c checkpoint (legacy format) describes; the file's length is checked against it.
 *
 * @throws `ERR_FILE_NOT_FOUND`; `ERR_CHECKPOINT` for a file that is cut, too long or of another kind.
 */
export function readLlama2cConfig(path: string): ModelConfig {
  return withFile(path, kind, (fd, size) => readConfig(fd, path, size));
}

/**
 * Reads a llama2.c checkpoint's parameters.
 *
 * @throws As `readLlama2cConfig`.
 */
export function* llama2cPieces(path: string): Generator<ParameterPiece> {
  const { fd, size } = openFile(path, kind);
  try {
    const layout = new ParameterLayout(readConfig(fd, path, size));
    const values = new Float32Array(PIECE_ELEMENTS);
    let position = headerBytes;
    for (const { entry, count } of llama2cParts(layout)) {
      for (let done = 0; entry && done < count; done += PIECE_ELEMENTS) {
        const piece = { offset: entry.offset + done, values: values.subarray(0, count - done) };
        // The file is little-endian, and so is every machine that Mayfly supports.
        const bytes = asBytes(piece.values);
        if (readFully(fd, bytes, position + 4 * done) < bytes.length)
          throw notLlama2c(path, 'the file to stay whole', 'one cut while it was read');
        yield piece;
      }
      position += count * 4;
    }
  } catch (error) {
    throw fileError(`read ${kind} at ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a llama2.c checkpoint's parameters into the flat block of its model.
 *
 * @param target fp32, as many elements as the model has parameters.
 * @throws As `readLlama2cConfig`.
 */
export function importLlama2c(path: string, target: Float32Array): ModelConfig {
  const config = readLlama2cConfig(path);
  const count = countParameters(config);
  if (target.length !== count) throw invalidArgument('target.length', String(count), target.length);
  for (const { offset, values } of llama2cPieces(path)) target.set(values, offset);
  return config;
}

/**
 * Writes a llama2.c checkpoint (legacy format), atomically. RoPE tables are computed in single precision, as llama2.c's
 * exporter does.
 *
 * @throws `ERR_CONFIG` for a model that the format or llama2.c has no place for: its heads are dim / heads wide, its RoPE
 * has interleaved pairs and base 10,000, its eps is 1e-5.
 */
export async function exportLlama2c(path: string, config: ModelConfig, parameters: Float32Array): Promise<void> {
  const blocks = llama2cBlocks(config, ({ offset, count }) => parameters.subarray(offset, offset + count));
  const expected = countParameters(config);
  if (parameters.length !== expected) throw invalidArgument('parameters.length', String(expected), parameters.length);
  try {
    await writeAtomically(path, async (file) => {
      // `writeFile` on a handle continues at its position, and writes everything.
      await file.writeFile(encodeHeader(config));
      for (const { values } of blocks) await file.writeFile(asBytes(values()));
    });
  } catch (error) {
    throw fileError(`write a llama2.c checkpoint to ${path}`, error);
  }
}

/** Numbers of a file, made when they are written. */
export interface Llama2cBlock {
  readonly count: number;
  readonly values: () => Float32Array;
}

/**
 * The blocks of fp32 numbers that follow the header, in the file's order.
 *
 * @param valuesOf The values of a parameter.
 * @throws `ERR_CONFIG` as `exportLlama2c`.
 */
export function llama2cBlocks(
  config: ModelConfig,
  valuesOf: (entry: ParameterEntry) => Float32Array,
): readonly Llama2cBlock[] {
  expectRepresentable(config);
  return llama2cParts(new ParameterLayout(config)).map((part) => ({
    count: part.count,
    values: () =>
      part.entry ? valuesOf(part.entry) : ropeTable(config, part.table === 'cosines' ? Math.cos : Math.sin),
  }));
}

function readConfig(fd: number, path: string, size: number): ModelConfig {
  const header = Buffer.alloc(headerBytes);
  if (readFully(fd, header, 0) < headerBytes) {
    throw notLlama2c(path, `a header of ${headerBytes} bytes`, `a file of ${size} bytes`);
  }
  const config = decodeHeader(header, path);
  const expected = llama2cBytes(config);
  if (size !== expected) {
    const { dim, hidden, layers, vocab } = config;
    const shape = `dim ${dim}, hidden ${hidden}, layers ${layers}, vocab ${vocab}`;
    throw notLlama2c(
      path,
      `${expected} bytes for its header (${shape})`,
      `${size}: ${size < expected ? 'cut' : 'too long'}`,
    );
  }
  return config;
}

function expectRepresentable(config: ModelConfig): void {
  const fixed = {
    headDim: config.dim / config.heads,
    eps: 1e-5,
    ropeBase: 10_000,
    ropePairing: 'interleaved',
    ...{
      ropeScaling: undefined,
      slidingWindow: undefined,
      fullLayers: undefined,
      unrotatedLayers: undefined,
      qkNorm: undefined,
    },
    ...{ attentionBias: undefined, outputBias: undefined, mlpBias: undefined },
  } as const;
  for (const name of Object.keys(fixed) as (keyof typeof fixed)[]) {
    if ((config[name] || undefined) === fixed[name]) continue;
    throw new MayflyError(
      'ERR_CONFIG',
      `Expected ${name} ${fixed[name] ?? 'absent'} for llama2.c's format, got ${describeValue(config[name])}`,
    );
  }
}

/** [sequence, headDim / 2], each step rounded to single precision. */
function ropeTable(config: ModelConfig, wave: (angle: number) => number): Float32Array {
  const { sequence, headDim, ropeBase } = config;
  const pairs = headDim / 2;
  const table = new Float32Array(sequence * pairs);
  for (let pair = 0; pair < pairs; pair++) {
    const frequency = Math.fround(1 / Math.fround(ropeBase ** Math.fround((2 * pair) / headDim)));
    for (let position = 0; position < sequence; position++) {
      table[position * pairs + pair] = wave(Math.fround(position * frequency));
    }
  }
  return table;
}

function asBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
