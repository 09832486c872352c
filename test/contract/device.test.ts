import { addon, MilError } from '@mayfly/native';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addWeightProgram,
  scaleProgram,
  sumAndDifferenceProgram,
  WEIGHT_PATH,
  weightBlob,
} from '../fixtures/programs.js';
import { onDevice } from './on-device.js';

const N = 64;
const BYTES = 4 * N;
const coded = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

onDevice((deviceName) => {
  const arena = addon.createArena(1 << 16);
  const device = addon.openDevice(deviceName, arena);
  afterAll(() => {
    device.close();
    arena.close();
  });
  const floats = (offset: number) => new Float32Array(arena.view(offset, BYTES).buffer, offset, N);
  beforeAll(() => void floats(0).fill(2));

  test('a program lists its ports, and is evaluated with the bound ones', () => {
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
    expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES])).toThrow(
      coded('ERR_ARENA_BOUNDS', '4 offsets, got 3'),
    );
    expect(() => device.evaluate(program, [0, BYTES, 2 * BYTES, 1 << 16])).toThrow(coded('ERR_ARENA_BOUNDS'));
    expect(floats(2 * BYTES).every((value) => value === 9)).toBe(true);
  });

  test.runIf(deviceName === 'ane')('an unchecked program reaches the engine unread, with its ports', () => {
    const text = sumAndDifferenceProgram(N);
    const checked = device.compile(text, []);
    const unchecked = device.compile(text, [], { unchecked: true });
    expect([unchecked.inputs, unchecked.outputs]).toEqual([checked.inputs, checked.outputs]);
    floats(BYTES).fill(0.5);
    device.evaluate(unchecked.program, [0, BYTES, 2 * BYTES, 3 * BYTES]);
    expect([floats(2 * BYTES)[N - 1], floats(3 * BYTES)[0]]).toEqual([2.5, 1.5]);
    // A mistake is found by the front end, or else by the engine's compiler.
    const wrong = text.replace(/ = add\(/, ' = add(z = 1, ');
    expect(() => device.compile(wrong, [])).toThrow(coded('ERR_MIL_TYPE'));
    expect(() => device.compile(wrong, [], { unchecked: true })).toThrow(coded('ERR_ANE_COMPILE'));
    const foreign = text.replace(/\n {8}[^\n]* = add\([^\n]*/, ' ? @strange { tensor<fp32, [1, 64]> sum == %1 }');
    expect(() => device.compile(foreign, [])).toThrow(coded('ERR_MIL_SYNTAX'));
    expect(() => device.compile(foreign, [], { unchecked: true })).toThrow(coded('ERR_ANE_COMPILE'));
    for (const cut of [text.slice(0, text.indexOf('->')), text.replace('-> (sum', '-> (unknown')]) {
      expect(() => device.compile(cut, [], { unchecked: true })).toThrow(coded('ERR_MIL_SYNTAX', 'only the ports'));
    }
    expect(() => device.compile(text, [], { function: 'other' })).toThrow(
      coded('ERR_MIL_UNSUPPORTED', 'function main'),
    );
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
    const own = addon.openDevice(deviceName, arena, { threads: 1 });
    const first = own.compile(scaleProgram(N, 2), []);
    expect(own.stats().residentBytes).toBe(first.residentBytes);
    expect(() => own.compile('program(1.3)', [])).toThrow(MilError);
    own.evaluate(first.program, [0, BYTES]);
    expect(own.stats()).toMatchObject({ compilations: 2, livePrograms: 1, evaluations: 1 });
    own.unload(first.program);
    expect(own.stats()).toMatchObject({ livePrograms: 0, residentBytes: 0 });
    expect(() => own.unload(first.program)).toThrow(coded('ERR_PROGRAM_UNKNOWN'));
    expect(() => own.evaluate(first.program, [0, BYTES])).toThrow(coded('ERR_PROGRAM_UNKNOWN'));
    expect(own.compile(scaleProgram(N, 2), []).program).not.toBe(first.program);
    own.close();
    expect(() => own.stats()).toThrow(coded('ERR_INVALID_ARGUMENT', 'closed'));
  });

  // Which operations there are is a matter of the device; what the text means is not.
  const scaled = scaleProgram(N, 2);
  test.each([
    ['text that is none', 'program(1.3', 'ERR_MIL_SYNTAX', 'line 1, column 12'],
    ['a name that is none', scaled.replace('x = x', 'x = z'), 'ERR_MIL_TYPE', 'z'],
    ['a type that does not follow', scaled.replace(`[1, ${N}]> y`, '[1, 7]> y'), 'ERR_MIL_TYPE', '[1, 7]'],
    ['a weight file that was not given', addWeightProgram(N), 'ERR_WEIGHT_BLOB', WEIGHT_PATH],
  ])('%s is refused with its place', (_, text, code, message) => {
    expect(() => device.compile(text, [])).toThrow(coded(code, message));
    const { program } = device.compile(scaled, []);
    device.evaluate(program, [0, BYTES]);
    expect(floats(BYTES)[0]).toBe(4);
  });
});
