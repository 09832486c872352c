import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chipNames, type Figure, figureNames, loadProfile, parseProfile } from '@mayfly/native';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

test.each(chipNames())('%s is complete, with a source and a grade for every figure', (chip) => {
  const profile = loadProfile(chip);
  expect(profile.name).toBe(chip);
  for (const group of ['limits', 'clock', 'host', 'numerics'] as const) {
    const figures = profile[group] as unknown as Record<string, unknown>;
    if (group === 'numerics') expect(figureNames[group]).toEqual(expect.arrayContaining(Object.keys(figures)));
    else expect(Object.keys(figures)).toEqual(figureNames[group]);
    for (const figure of Object.values(figures)) {
      expect(figure).toMatchObject({
        value: expect.any(Number),
        source: expect.stringMatching(/\S/),
        grade: expect.stringMatching(/^[ABC]$/),
      });
    }
  }
});

const chipsFolder = join(dirname(createRequire(import.meta.url).resolve('@mayfly/native/package.json')), 'chips');
const page = readFileSync(new URL('../../../docs/reference/lint.md', import.meta.url), 'utf8');

test.each(chipNames())(
  '%s says of each of its own figures what it was measured on, by sources that are listed',
  (chip) => {
    const file = JSON.parse(readFileSync(join(chipsFolder, `${chip}.json`), 'utf8')) as Record<string, unknown>;
    const groups = Object.keys(figureNames).map((group) => (file[group] ?? {}) as Record<string, Figure>);
    const figures = groups.flatMap((group) => Object.entries(group));
    const sources = figures.flatMap(([, { source }]) => source.split(', ').map((key) => key.replace(/ (#|PR ).*/, '')));
    expect(figures.filter(([, { note }]) => !note)).toEqual([]);
    expect([...new Set(sources)].filter((key) => !key.startsWith('docs/') && !listed(key))).toEqual([]);
  },
);

/** Whether the page of rules says which project the key of a source means. */
const listed = (key: string): boolean => new RegExp(`\\b${key}\\s\\S+/|\\b${key}\\s(its|eiln|harsha)`).test(page);

test('a figure that is not a chip’s own says whose it is', () => {
  expect(loadProfile('m4-pro').clock.dispatchUs).toMatchObject({ grade: 'C', note: 'taken from m4: 70 to 95 on M4' });
  expect(loadProfile('m4').clock.dispatchUs).toMatchObject({ grade: 'A', note: '70 to 95 on M4' });
});

test('a profile of the user’s extends a chip', () => {
  const file = join(temporaryFolder(), 'mine.json');
  const compilations = { value: 20, source: 'measured here', grade: 'B' };
  writeFileSync(file, JSON.stringify({ extends: 'm4-max', name: 'mine', title: 'My Mac', limits: { compilations } }));
  const profile = loadProfile(file);
  expect(profile).toMatchObject({ name: 'mine', generation: 'm4', limits: { compilations } });
  expect(profile.clock.dispatchUs.value).toBe(loadProfile('m4-max').clock.dispatchUs.value);
});

const m4 = loadProfile('m4');
const figure = { value: 1, source: 's', grade: 'A' };

test.each([
  ['an unknown entry', { name: 'x', colour: 'red' }, 'Expected x to be an object with $schema, extends, name, title'],
  [
    'an unknown figure',
    { name: 'x', limits: { wheels: figure } },
    'Expected x.limits to be an object with compilations',
  ],
  [
    'a value below 0',
    { name: 'x', limits: { compilations: { ...figure, value: -1 } } },
    'Expected x.limits.compilations.value to be a number above 0, got -1',
  ],
  [
    'no source',
    { name: 'x', limits: { compilations: { value: 1, grade: 'A' } } },
    'Expected x.limits.compilations.source to be a text, got nothing',
  ],
  [
    'an unknown grade',
    { name: 'x', limits: { compilations: { ...figure, grade: 'D' } } },
    'Expected x.limits.compilations.grade to be A, B, C, got D',
  ],
  ['three engines', { name: 'x', engines: 3 }, 'Expected x.engines to be 1 or 2, got 3'],
  [
    'an unknown fault',
    { name: 'x', faults: { evaluate: [{ fault: 'rust', at: [1] }] } },
    'Expected x.faults.evaluate[0].fault to be hang, crash, abort, exit, zeros, error, leak, got rust',
  ],
  [
    'a fault without a time',
    { name: 'x', faults: { evaluate: [{ fault: 'hang' }] } },
    'Expected x.faults.evaluate[0] to be one of at, every, from, probability, got ',
  ],
  [
    'a probability above 1',
    { name: 'x', faults: { compile: [{ fault: 'load', probability: 2 }] } },
    'Expected x.faults.compile[0].probability to be a number from 0 to 1, got 2',
  ],
])('rejects %s', (_, given, message) => {
  expect(() => parseProfile(given, 'x', m4)).toThrow(
    expect.objectContaining({ code: 'ERR_CHIP_PROFILE', message: expect.stringContaining(message) }),
  );
});

test('names the figure that a profile without a base lacks', () => {
  expect(() => parseProfile({ name: 'x', title: 'X', generation: 'm9', engines: 1 }, 'x')).toThrow(
    'Expected x.limits.compilations to be a figure {value, source, grade}, got nothing',
  );
});

test('names the chips there are', () => {
  expect(() => loadProfile('m99')).toThrow(
    expect.objectContaining({ code: 'ERR_CHIP_UNKNOWN', message: expect.stringContaining('m4-max') }),
  );
  expect(() => loadProfile('nowhere.json')).toThrow(expect.objectContaining({ code: 'ERR_FILE_NOT_FOUND' }));
});

test('a path that cannot be a profile is refused unread', () => {
  const folder = temporaryFolder();
  const [pipe, sparse] = [join(folder, 'pipe.json'), join(folder, 'sparse.json')];
  execFileSync('mkfifo', [pipe]);
  writeFileSync(sparse, '');
  truncateSync(sparse, 2 ** 40);
  for (const [file, told] of [
    [pipe, 'it is not a regular file'],
    [sparse, 'it has 1099511627776 bytes'],
  ] as const) {
    expect(() => loadProfile(file)).toThrow(
      expect.objectContaining({ code: 'ERR_FILE', message: expect.stringContaining(told) }),
    );
  }
  expect(() => loadProfile(join(folder, 'absent.json'))).toThrow(
    expect.objectContaining({
      code: 'ERR_FILE_NOT_FOUND',
      message: expect.stringContaining(': no such file or directory'),
    }),
  );
});
