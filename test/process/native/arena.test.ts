import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { addon, MayflyError, type NativeArena } from '@mayfly/native';
import { afterEach, expect, test } from 'vitest';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const linux = process.platform === 'linux';

let open: NativeArena[] = [];
const create = (bytes: number) => {
  const arena = addon.createArena(bytes);
  open.push(arena);
  return arena;
};
afterEach(() => {
  for (const arena of open) arena.close();
  open = [];
});
const coded = (code: string, message = '') =>
  expect.objectContaining({ name: 'MayflyError', code, message: expect.stringContaining(message) });

test('it is sparse until populated, and sparse again where discarded', () => {
  const arena = create(GIB);
  expect(arena.residentBytes()).toBe(0);
  arena.populate(3 * MIB, 2 * MIB);
  if (linux) expect(arena.residentBytes()).toBe(2 * MIB);
  const bytes = arena.view(3 * MIB, 2 * MIB).fill(7);
  arena.populate(0, 4 * MIB);
  expect(bytes.every((byte) => byte === 7)).toBe(true);
  arena.discard(3 * MIB + 10, 2 * MIB - 20);
  if (linux) expect(arena.residentBytes()).toBe(3 * MIB + 2 * 4096);
  const kept = [...bytes.keys()].filter((index) => bytes[index] !== 0);
  expect(kept).toEqual([...Array(10).keys(), ...Array.from({ length: 10 }, (_, i) => 2 * MIB - 10 + i)]);
  arena.discard(3 * MIB, 10);
  expect(bytes[0]).toBe(0);
});

test.runIf(linux)('more memory than there is is an error that names the amount, and kills nothing', () => {
  const arena = create(TIB);
  expect(() => arena.populate(0, TIB)).toThrow(coded('ERR_ARENA_FULL', `Cannot commit ${TIB} bytes of memory`));
  expect(arena.residentBytes()).toBe(0);
  arena.populate(TIB - 4096, 4096);
  expect(arena.residentBytes()).toBe(4096);
});

test('views of one window share one buffer; one that crosses its end has its own', () => {
  const arena = create(10 * GIB);
  const low = arena.view(100, 4);
  expect(arena.view(4 * GIB - 4, 4).buffer).toBe(low.buffer);
  const high = arena.view(9 * GIB, 4);
  high.set([1, 2, 3, 4]);
  expect([...arena.view(9 * GIB + 1, 2)]).toEqual([2, 3]);
  expect([...arena.view(GIB, 4)]).toEqual([0, 0, 0, 0]);
  expect(high.byteOffset).toBe(GIB);
  const crossing = arena.view(4 * GIB - 2, 4).fill(5);
  expect([...arena.view(4 * GIB - 4, 4), ...arena.view(4 * GIB, 4)]).toEqual([0, 0, 5, 5, 5, 5, 0, 0]);
  expect(arena.view(4 * GIB - 2, GIB).buffer).toBe(crossing.buffer);
  const last = arena.view(6 * GIB, 4 * GIB);
  last[4 * GIB - 1] = 9;
  expect([...arena.view(10 * GIB - 1, 1)]).toEqual([9]);
  expect(() => arena.view(GIB, 4 * GIB + 1)).toThrow(coded('ERR_ARENA_BOUNDS', '4 GiB at most'));
});

test('ranges outside of it, and invalid ranges, are errors', () => {
  const arena = create(MIB);
  for (const call of [arena.view, arena.populate, arena.discard].map((method) => method.bind(arena))) {
    expect(() => call(MIB, 1)).toThrow(coded('ERR_ARENA_BOUNDS', `1 bytes at ${MIB}`));
    expect(() => call(1, MIB)).toThrow(coded('ERR_ARENA_BOUNDS'));
    expect(() => call(2 ** 53 - 1, 2 ** 53 - 1)).toThrow(coded('ERR_ARENA_BOUNDS'));
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n, undefined, {}, Symbol('x')]) {
      expect(() => call(wrong as number, 1)).toThrow(coded('ERR_INVALID_ARGUMENT', 'offset'));
      expect(() => call(0, wrong as number)).toThrow(coded('ERR_INVALID_ARGUMENT', 'bytes'));
    }
    call(MIB, 0);
    call(MIB - 1, 1);
  }
  expect(() => addon.createArena(0)).toThrow(coded('ERR_ARENA_CREATE'));
  const fd = openSync(devNull, 'r');
  expect(() => addon.attachArena(fd)).toThrow(coded('ERR_ARENA_CREATE', 'without a size'));
  closeSync(fd);
});

test('errors of native code have their class, and the stack of their caller', () => {
  const arena = create(4096);
  function caller() {
    arena.view(4096, 1);
  }
  try {
    caller();
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(MayflyError);
    expect((error as Error).stack?.split('\n')[1]).toContain('caller');
  }
});

test('closed, it refuses; a view that is left stays safe to touch', () => {
  const arena = addon.createArena(MIB);
  const view = arena.view(0, 16).fill(5);
  arena.close();
  arena.close();
  expect(() => arena.view(0, 1)).toThrow(coded('ERR_INVALID_ARGUMENT', 'closed'));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  expect([...view]).toEqual(Array(16).fill(5));
});

test('arenas that are collected in mid-run, with views or without, end no process', () => {
  const script = `
    import { addon } from '@mayfly/native';
    for (let round = 0; round < 20; round++) {
      const arena = addon.createArena(2 ** 33);
      arena.view(0, 64)[0] = 1;
      let view = arena.view(2 ** 32, 64);
      if (round % 2) arena.close();
      if (round % 3) view = null;
      gc();
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    addon.createArena(4096).view(0, 1);`;
  const args = ['--expose-gc', '--input-type=module', '-e', script];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test.runIf(linux)('it has no name in the file system', () => {
  create(MIB).view(0, 1);
  const maps = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('mayfly-arena'));
  expect(maps.length).toBeGreaterThan(0);
  expect(maps.every((line) => line.endsWith('/memfd:mayfly-arena (deleted)'))).toBe(true);
});
