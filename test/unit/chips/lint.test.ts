import { dynamicPrograms, presets, staticPrograms } from '@mayfly/core/testing';
import { chipNames, lint, loadProfile, rules } from '@mayfly/native';
import { expect, test } from 'vitest';
import { lintExamples } from '../../fixtures/lint-examples.js';
import { clean } from '../../fixtures/lint-text.js';

test('every rule has an example, and every example a rule', () => {
  expect(Object.keys(lintExamples).sort()).toEqual(rules.map(({ id }) => id).sort());
});

test.each(rules.map((rule) => [rule.id, rule] as const))('finds a program that breaks %s', (id, rule) => {
  const { text, chip = 'm4' } = lintExamples[id]!;
  const found = lint(text, loadProfile(chip)).find((finding) => finding.rule === id);
  expect(found).toMatchObject({ severity: rule.severity, line: expect.any(Number) });
  expect(found!.line).toBeGreaterThan(0);
  if (rule.contradicted !== undefined) expect(found!.level).toBe('warning');
  else if (rule.severity === 'silent data') expect(found!.level).toBe('error');
});

test.each(rules.filter(({ chips, generations }) => (chips ?? generations) !== undefined).map(({ id }) => id))(
  'knows that %s does not hold for M5',
  (id) => {
    expect(lint(lintExamples[id]!.text, loadProfile('m5')).map(({ rule }) => rule)).not.toContain(id);
  },
);

test.each(['m3-pro', 'm4', 'm5'])('finds nothing but a small surface in a clean program on %s', (chip) => {
  expect(lint(clean, loadProfile(chip)).filter(({ rule }) => rule !== 'port-bytes')).toEqual([]);
});

test('tells where, what and how well it is known', () => {
  expect(lint(lintExamples['port-width-16']!.text, loadProfile('m4'))[0]).toEqual({
    rule: 'port-width-16',
    level: 'error',
    severity: 'silent data',
    message: 'a is 40 wide: pad it to 64',
    summary: 'The last axis of inputs and outputs is a multiple of 16.',
    known: 'M4 Max, M3 Ultra (corrupt data)',
    grade: 'A',
    sources: ['RUS', 'EB'],
    line: 4,
    column: 51,
  });
});

test('rejects what is no MIL', () => {
  expect(() => lint('program(1.3)', loadProfile('m4'))).toThrow(expect.objectContaining({ code: 'ERR_MIL_SYNTAX' }));
});

// Packed weights of four windows lie beyond the offsets that M1 and M2 can slice at.
const early = (chip: string) => ['m1', 'm2'].includes(loadProfile(chip).generation);
const models = ['stories15m', 'stories110m', 'qwen3-0.6b'] as const;
const cases = chipNames().flatMap((chip) =>
  models.flatMap((model) => (early(chip) ? [1] : [1, 4]).map((batch) => [chip, model, batch] as const)),
);

test('says which packed surfaces are too wide for M1 and M2', () => {
  const { program } = dynamicPrograms({ ...presets.stories110m, batch: 4, sequence: 256 }).attentionForward;
  const found = lint(program.text, loadProfile('m1')).find(({ rule }) => rule === 'slice-offset');
  expect(found).toMatchObject({ level: 'error', severity: 'silent data' });
});

test.each(cases)('the kernels of training are free of errors on %s: %s, %d windows', (chip, model, batch) => {
  const profile = loadProfile(chip);
  const shape = { ...presets[model], batch, sequence: 256 };
  const weightFiles = profile.generation === 'm1' ? 'per-tensor' : 'single';
  for (const kernels of [staticPrograms(shape, { weightFiles }), dynamicPrograms(shape, { weightFiles })]) {
    for (const [name, { program }] of Object.entries(kernels)) {
      const errors = lint(program.text, profile).filter(({ level }) => level === 'error');
      expect(errors, name).toEqual([]);
    }
  }
});
