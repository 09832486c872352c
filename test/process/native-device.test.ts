import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { addon, MilError } from '@mayfly/native';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addWeightProgram,
  scaleProgram,
  sumAndDifferenceProgram,
  WEIGHT_PATH,
  weightBlob,
} from '../fixtures/programs.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

const N = 64;
const BYTES = 4 * N;
const arena = addon.createArena(1 << 16);
const device = addon.openDevice('cpu', arena);
afterAll(() => {
  device.close();
  arena.close();
});
const floats = (offset: number) => new Float32Array(arena.view(offset, BYTES).buffer, offset, N);
beforeAll(() => void floats(0).fill(2));
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

test('devices are opened by name', () => {
  expect(addon.deviceNames()).toContain('cpu');
  expect(device.name).toBe('cpu');
  expect(() => addon.openDevice('tpu', arena)).toThrow(coded('ERR_DEVICE_UNAVAILABLE', 'cpu'));
  expect(() => addon.openDevice('cpu', arena, { threads: 0 })).toThrow(coded('ERR_INVALID_ARGUMENT', 'threads'));
  expect(() => addon.openDevice('cpu', arena, { precision: 'half' as never })).toThrow(
    coded('ERR_INVALID_ARGUMENT', "precision to be 'exact' or 'fast', got `half`"),
  );
  expect(() => addon.openDevice('cpu', {} as never)).toThrow(coded('ERR_INVALID_ARGUMENT', 'arena'));
});

test('a program tells its ports, and is evaluated where they are bound', () => {
  const { program, inputs, outputs } = device.compile(sumAndDifferenceProgram(N), []);
  const port = { dtype: 'fp32', shape: [1, N], bytes: BYTES };
  expect(inputs).toEqual([
    { name: 'a', ...port },
    { name: 'b', ...port },
  ]);
  expect(outputs).toEqual([
    { name: 'sum', ...port },
    { name: 'difference', ...port },
  ]);
  floats(BYTES).fill(0.5);
  device.evaluate(program, [0, BYTES, 2 * BYTES, 3 * BYTES]);
  expect([floats(2 * BYTES)[N - 1], floats(3 * BYTES)[0]]).toEqual([2.5, 1.5]);
  // Inputs may share memory; outputs may not.
  device.evaluate(program, [0, 0, 2 * BYTES, 3 * BYTES]);
  expect(floats(2 * BYTES)[0]).toBe(4);
});

test('an output that overlaps another port is refused, and nothing is written', () => {
  const { program } = device.compile(sumAndDifferenceProgram(N), []);
  floats(2 * BYTES).fill(9);
  const refused = coded('ERR_ARENA_BOUNDS', 'to lie apart');
  expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES, 0])).toThrow(refused);
  expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES, 3 * BYTES - 4])).toThrow(refused);
  expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES, 2 * BYTES])).toThrow(refused);
  expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES])).toThrow(coded('ERR_ARENA_BOUNDS', '4 offsets, got 3'));
  expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES, 1 << 16])).toThrow(coded('ERR_ARENA_BOUNDS'));
  expect(floats(2 * BYTES).every((value) => value === 9)).toBe(true);
});

test('weights are read from the arena while compiling, and only then', () => {
  const blob = weightBlob(Array(N).fill(10));
  const range = { path: WEIGHT_PATH, offset: 8192, bytes: blob.length };
  arena.view(range.offset, range.bytes).set(blob);
  const { program } = device.compile(addWeightProgram(N), [range]);
  arena.view(range.offset, range.bytes).fill(0);
  device.evaluate(program, [0, BYTES]);
  expect(floats(BYTES)[0]).toBe(12);
  const outside = { ...range, offset: (1 << 16) - 64 };
  expect(() => device.compile(addWeightProgram(N), [outside])).toThrow(coded('ERR_ARENA_BOUNDS'));
});

test('use is counted, failed compilations too; ids never come back', () => {
  const own = addon.openDevice('cpu', arena, { threads: 1 });
  const first = own.compile(scaleProgram(N, 2), []);
  expect(() => own.compile('program(1.3)', [])).toThrow(MilError);
  own.evaluate(first.program, [0, BYTES]);
  expect(own.stats()).toMatchObject({ compilations: 2, livePrograms: 1, evaluations: 1 });
  expect(own.stats().residentBytes).toBe(first.residentBytes);
  own.unload(first.program);
  expect(own.stats()).toMatchObject({ livePrograms: 0, residentBytes: 0 });
  expect(() => own.unload(first.program)).toThrow(coded('ERR_PROGRAM_UNKNOWN'));
  expect(() => own.evaluate(first.program, [0, BYTES])).toThrow(coded('ERR_PROGRAM_UNKNOWN'));
  expect(own.compile(scaleProgram(N, 2), []).program).not.toBe(first.program);
  own.close();
  expect(() => own.stats()).toThrow(coded('ERR_INVALID_ARGUMENT', 'closed'));
});

test('a package without its addon says how to get one', async () => {
  const folder = temporaryFolder();
  cpSync(dirname(fileURLToPath(import.meta.resolve('@mayfly/native'))), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const entry = join(folder, 'dist', 'index.js');
  await expect(import(pathToFileURL(entry).href)).rejects.toThrow(
    coded('ERR_ADDON_LOAD', 'npm rebuild @mayfly/native'),
  );
});
