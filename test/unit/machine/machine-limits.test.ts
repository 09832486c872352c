import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  answersFolder,
  defaultBudget,
  limitsFile,
  readDialect,
  readMachineLimits,
  resolvePoolOptions,
  writeDialect,
  writeMachineLimits,
} from '@mayfly/core/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const good = {
  ...{ compilations: 40, compilationsRefused: true, livePrograms: 20, liveProgramsRefused: true },
  measured: '2026-11-28T00:00:00.000Z',
};
vi.stubEnv('XDG_CACHE_HOME', temporaryFolder());
const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => rmSync(answersFolder(), { recursive: true, force: true }));

const file = () => limitsFile('cpu');
type Stored = Record<string, unknown>;
const damaged = (change: (stored: Stored) => unknown) => () => {
  writeMachineLimits('cpu', good);
  const stored = JSON.parse(readFileSync(file(), 'utf8')) as Stored;
  writeFileSync(file(), JSON.stringify(change(stored)));
};
const withLimits = (answer: unknown) => damaged((stored) => ({ ...stored, answer }));

test('limits that were kept are the budget of their device', () => {
  expect(readMachineLimits('cpu')).toBeNull();
  writeMachineLimits('cpu', good);
  writeDialect('ios16');
  expect([readMachineLimits('cpu'), readMachineLimits('sim:m4'), readDialect()]).toEqual([good, null, 'ios16']);
  expect(resolvePoolOptions({ device: 'cpu' }).budget).toMatchObject({ compilations: 34, livePrograms: 18 });
  expect(readdirSync(answersFolder())).toHaveLength(2);
});

test('limits of another machine and of another version are none, without a word', () => {
  writeMachineLimits('cpu', good);
  vi.stubEnv('MAYFLY_ANE_RUNTIME', 'another');
  expect(readMachineLimits('cpu')).toBeNull();
  vi.stubEnv('MAYFLY_ANE_RUNTIME', undefined);
  damaged((stored) => ({ ...stored, version: 2, answer: null }))();
  expect(readMachineLimits('cpu')).toBeNull();
  expect(warnings).not.toHaveBeenCalled();
});

test.each<[string, () => void]>([
  ['a negative number', withLimits({ ...good, compilations: -5 })],
  ['a fraction', withLimits({ ...good, livePrograms: 1.5 })],
  ['text for a number', withLimits({ ...good, compilations: '40' })],
  ['text for limits', withLimits('none')],
  ['null for limits', withLimits(null)],
  ['the limits of another device', damaged((stored) => ({ ...stored, question: 'ane' }))],
  ['no object', damaged(() => [])],
  ['no machine', damaged(({ machine: _, ...stored }) => stored)],
  ['no JSON', () => writeFileSync(file(), '{')],
  ['a folder in its place', () => mkdirSync(file())],
])('a file with %s is ignored, and written anew', (_, damage) => {
  mkdirSync(answersFolder(), { recursive: true });
  damage();
  expect(readMachineLimits('cpu')).toBeNull();
  expect(resolvePoolOptions({ device: 'cpu' }).budget).toEqual(defaultBudget);
  rmSync(file(), { recursive: true });
  writeMachineLimits('cpu', good);
  expect(readMachineLimits('cpu')).toEqual(good);
});

test('a damaged file is told of once in a process, by its name', () => {
  expect(warnings).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(file()), expect.anything());
});

test('a dialect that cannot be kept is no error', () => {
  writeFileSync(answersFolder(), '');
  expect(writeDialect('ios18')).toBeNull();
  expect(readDialect()).toBeNull();
});

test('processes that write one answer at once leave one of theirs, whole, and nothing else', async () => {
  writeMachineLimits('cpu', good);
  const code = `
    import { writeMachineLimits } from '@mayfly/core/testing';
    const answer = ${JSON.stringify(good)};
    for (let n = 1; n <= 60; n += 1) writeMachineLimits('cpu', { ...answer, compilations: n, livePrograms: n });`;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const writers = [1, 2, 3].map(() => spawn(process.execPath, ['--input-type=module', '-e', code], { cwd }));
  const ended = Promise.all(writers.map(async (child) => (await once(child, 'exit'))[0]));
  let writing = true;
  void ended.then(() => (writing = false));
  while (writing) {
    const { compilations, livePrograms } = readMachineLimits('cpu')!;
    expect([good.livePrograms, compilations]).toContain(livePrograms);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await ended).toEqual([0, 0, 0]);
  expect(readMachineLimits('cpu')).toEqual({ ...good, compilations: 60, livePrograms: 60 });
  expect(readdirSync(answersFolder())).toHaveLength(1);
});
