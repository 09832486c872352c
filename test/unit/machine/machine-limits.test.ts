import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
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
afterEach(() => rmSync(limitsFile(), { recursive: true, force: true }));

type Stored = Record<string, unknown> & { devices: Record<string, Record<string, unknown>> };
const damaged = (change: (stored: Stored) => unknown) => () => {
  writeMachineLimits('cpu', good);
  const stored = JSON.parse(readFileSync(limitsFile(), 'utf8')) as Stored;
  writeFileSync(limitsFile(), JSON.stringify(change(stored) ?? stored));
};
const withLimits = (limits: unknown) => damaged(({ machine }) => ({ machine, devices: { cpu: limits } }));

test('limits that were kept are the budget', () => {
  expect(readMachineLimits('cpu')).toBeNull();
  writeMachineLimits('cpu', good);
  writeDialect('ios16');
  expect([readMachineLimits('cpu'), readDialect()]).toEqual([good, 'ios16']);
  expect(resolvePoolOptions({ device: 'cpu' }).budget).toMatchObject({ compilations: 34, livePrograms: 18 });
});

test('those of another machine are none, without a word', () => {
  damaged((stored) => ({ ...stored, machine: 'another', devices: null }))();
  expect(readMachineLimits('cpu')).toBeNull();
  expect(warnings).not.toHaveBeenCalled();
});

test.each<[string, () => void]>([
  ['a negative number', withLimits({ ...good, compilations: -5 })],
  ['a fraction', withLimits({ ...good, livePrograms: 1.5 })],
  ['text for a number', withLimits({ ...good, compilations: '40' })],
  ['text for limits', withLimits('none')],
  ['null for limits', withLimits(null)],
  ['devices that are null', damaged((stored) => ({ ...stored, devices: null }))],
  ['devices that are a list', damaged((stored) => ({ ...stored, devices: [] }))],
  ['an unknown dialect', damaged((stored) => ({ ...stored, dialect: 7 }))],
  ['no object', damaged(() => [])],
  ['no machine', damaged(({ devices }) => ({ devices }))],
  ['no JSON', () => writeFileSync(limitsFile(), '{')],
  ['a folder in its place', () => mkdirSync(limitsFile())],
])('a file with %s is ignored, with one warning that names it', (_, damage) => {
  damage();
  expect([readMachineLimits('cpu'), readDialect()]).toEqual([null, null]);
  expect(resolvePoolOptions({ device: 'cpu' }).budget).toEqual(defaultBudget);
  expect(warnings).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(limitsFile()), expect.anything());
  expect(() => writeDialect('ios18')).not.toThrow();
});
