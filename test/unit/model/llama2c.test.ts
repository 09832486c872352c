import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  exportLlama2c,
  importLlama2c,
  type ModelConfig,
  ParameterLayout,
  presets,
  readLlama2cConfig,
} from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { sharedData } from '../../fixtures/shared-data.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const small: ModelConfig = {
  ...presets.stories260k,
  dim: 8,
  hidden: 6,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 4,
  vocab: 5,
  sequence: 3,
};

function numbered(config: ModelConfig): Float32Array {
  return Float32Array.from({ length: new ParameterLayout(config).count }, (_, index) => index);
}

async function exported(name: string, config = small): Promise<string> {
  const path = join(folder, name);
  await exportLlama2c(path, config, numbered(config));
  return path;
}

describe('export', () => {
  test('writes the header, then each parameter of all layers, then the RoPE tables', async () => {
    const bytes = readFileSync(await exported('layout.bin'));
    const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 28, bytes.byteOffset + bytes.length));
    expect(Array.from({ length: 7 }, (_, index) => bytes.readInt32LE(4 * index))).toEqual([8, 6, 2, 2, 1, 5, 3]);
    // Our block holds layer 0, then layer 1; 40 embedding values come first, and a layer has 8+64+32+32+64+8+3·48.
    const layer = 352;
    expect(Array.from(floats.subarray(40, 57))).toEqual([...range(40, 8), ...range(40 + layer, 8), 48]);
    expect(floats[40 + 16 + 64]).toBe(48 + layer);
    expect(floats.length).toBe(40 + 2 * layer + 8 + 2 * 6);
    const [cosines, sines] = [floats.subarray(-12, -6), floats.subarray(-6)];
    const angles = [0, 0, 1, 0.01, 2, 0.02];
    for (const [index, angle] of angles.entries()) {
      expect(cosines[index]).toBeCloseTo(Math.cos(angle), 6);
      expect(sines[index]).toBeCloseTo(Math.sin(angle), 6);
    }
  });

  test.each([
    [{ headDim: 6 }, "Expected headDim 4 for llama2.c's format, got 6"],
    [{ eps: 1e-6 }, "Expected eps 0.00001 for llama2.c's format, got 0.000001"],
    [{ ropeBase: 1e6 }, "Expected ropeBase 10000 for llama2.c's format, got 1000000"],
    [{ qkNorm: true }, "Expected qkNorm absent for llama2.c's format, got true"],
    [{ slidingWindow: 8 }, "Expected slidingWindow absent for llama2.c's format, got 8"],
    [{ ropePairing: 'half' as const }, 'Expected ropePairing interleaved for llama2.c\'s format, got "half"'],
  ])('refuses a model with %j', async (change, message) => {
    const config = { ...small, ...change };
    await expect(exportLlama2c(join(folder, 'refused.bin'), config, numbered(config))).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message,
    });
  });

  test('reports the error of the file system', async () => {
    const path = join(folder, 'no', 'such', 'folder.bin');
    await expect(exportLlama2c(path, small, numbered(small))).rejects.toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
      message: expect.stringContaining(path),
    });
  });
});

describe('import', () => {
  test.each([
    ['tied', small],
    ['untied', { ...small, tiedHead: false }],
  ])('%s: gives back what export wrote', async (name, config) => {
    const path = await exported(`${name}.bin`, config);
    expect(readLlama2cConfig(path)).toEqual(config);
    const parameters = new Float32Array(numbered(config).length);
    expect(importLlama2c(path, parameters)).toEqual(config);
    expect(parameters).toEqual(numbered(config));
  });

  test('a missing file', () => {
    const path = join(folder, 'absent.bin');
    expect(() => readLlama2cConfig(path)).toThrow(
      expect.objectContaining({
        code: 'ERR_FILE_NOT_FOUND',
        message: `Cannot read a llama2.c checkpoint at ${path}: no such file or directory`,
      }),
    );
  });

  test('a file cut anywhere, or with more behind', async () => {
    const path = await exported('cut.bin');
    const whole = readFileSync(path);
    for (const length of [whole.length + 4, whole.length - 1, 1000, 29, 28, 27, 5, 0]) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const expected = length < 28 ? 'a header of 28 bytes' : `${whole.length} bytes for its header`;
      expect(() => readLlama2cConfig(path), `${length} bytes`).toThrow(
        expect.objectContaining({
          code: 'ERR_CHECKPOINT',
          message: expect.stringMatching(new RegExp(`^${path}: Expected ${expected}.*got .*${length}`)),
        }),
      );
      expect(() => importLlama2c(path, numbered(small))).toThrow(/Expected/);
    }
  });

  test.each([
    ['no heads', [8, 6, 2, 0, 1, 5, 3], 'a header with dim a multiple of heads, got dim 8 and heads 0'],
    [
      'heads that do not divide dim',
      [8, 6, 2, 3, 1, 5, 3],
      'a header with dim a multiple of heads, got dim 8 and heads 3',
    ],
    ['a negative size', [8, -6, 2, 2, 1, 5, 3], 'got Expected hidden to be a whole number from 1 to 4194304, got -6'],
    ['more key heads than heads', [8, 6, 2, 2, 4, 5, 3], 'got Expected heads to be a multiple of kvHeads 4, got 2'],
    [
      'sizes of some other file',
      [1 << 30, 1 << 30, 1 << 30, 1 << 20, 1 << 20, 1 << 30, 1 << 30],
      'got Expected dim to be a whole number from 1 to 1048576, got 1073741824',
    ],
    ['a later version', [0x616b3432, 1, 2, 3, 4, 5, 6], 'a version 0 file of llama2.c'],
  ])('a header with %s', (_, header, message) => {
    const path = join(folder, 'header.bin');
    writeFileSync(path, Buffer.from(Int32Array.from([...header, ...new Array(100).fill(0)]).buffer));
    expect(() => readLlama2cConfig(path)).toThrow(
      expect.objectContaining({
        code: 'ERR_CHECKPOINT',
        message: expect.stringContaining(message),
      }),
    );
  });

  test('a target of another size', async () => {
    const path = await exported('target.bin');
    expect(() => importLlama2c(path, new Float32Array(7))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    );
  });
});

const stories = sharedData('stories260K/stories260K.bin');

describe(`stories260K${stories.absent ? ` (skipped: ${stories.absent})` : ''}`, () => {
  test.skipIf(stories.absent)('survives import and export; RoPE tables within one unit of the last place', async () => {
    const parameters = new Float32Array(260_032);
    const config = importLlama2c(stories.path, parameters);
    expect(config).toEqual(presets.stories260k);
    const path = join(folder, 'stories.bin');
    await exportLlama2c(path, config, parameters);
    const [actual, expected] = [readFileSync(path), readFileSync(stories.path)];
    expect(actual.length).toBe(expected.length);
    const tables = 28 + 4 * parameters.length;
    expect(actual.subarray(0, tables).equals(expected.subarray(0, tables))).toBe(true);
    let difference = 0;
    for (let at = tables; at < expected.length; at += 4) {
      difference = Math.max(difference, Math.abs(actual.readInt32LE(at) - expected.readInt32LE(at)));
    }
    expect(difference).toBeLessThanOrEqual(1);
  });
});

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}
