import { convolution, dynamicPrograms, presets, staticPrograms } from '@mayfly/core/testing';
import { chipNames, lint, loadProfile, rules } from '@mayfly/native';
import { expect, test } from 'vitest';
import { lintExamples } from '../../fixtures/lint-examples.js';
import { clean, unary } from '../../fixtures/lint-text.js';

test('every rule has an example, and every example a rule', () => {
  expect(Object.keys(lintExamples).sort()).toEqual(rules.map(({ id }) => id).sort());
});

test.each(rules.map((rule) => [rule.id, rule] as const))('finds a program that breaks %s', (id, rule) => {
  const { text, chip = 'm4' } = lintExamples[id]!;
  const found = lint(text, loadProfile(chip)).find((finding) => finding.rule === id);
  expect(found).toMatchObject({ severity: rule.severity, line: expect.any(Number) });
  expect(found!.line).toBeGreaterThan(0);
  const contradicted = rule.contradicted !== undefined && rule.confirmed?.includes(chip) !== true;
  if (contradicted || rule.onValues === true) expect(found!.level).toBe('warning');
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

test('reports position, violation and grade', () => {
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

test.each([
  ['rellu(x = p)', 'MIL has no operation rellu (Did you mean relu?)'],
  ['reduce_summ(axes = axes, keep_dims = yes, x = p)', 'MIL has no operation reduce_summ (Did you mean reduce_sum?)'],
  ['constexpr_cats(x = p)', 'MIL has no operation constexpr_cats (Did you mean constexpr_cast?)'],
  ['frobnicate(x = p)', 'MIL has no operation frobnicate'],
])('has one error for an operation that does not exist: %s', (call, message) => {
  const text = unary(call);
  const line = text.split('\n').findIndex((part) => part.includes(call)) + 1;
  const column = text.split('\n')[line - 1]!.indexOf(call) + 1;
  const errors = lint(text, loadProfile('m4')).filter(({ level }) => level === 'error');
  expect(errors).toEqual([expect.objectContaining({ rule: 'unknown-operation', message, line, column })]);
});

test('rejects text that is not MIL', () => {
  expect(() => lint('program(1.3)', loadProfile('m4'))).toThrow(expect.objectContaining({ code: 'ERR_MIL_SYNTAX' }));
});

const models = ['stories15m', 'stories110m', 'qwen3-0.6b'] as const;
const cases = chipNames().flatMap((chip) =>
  models.flatMap((model) => [1, 4].map((batch) => [chip, model, batch] as const)),
);

test('warns of packed values on M1 and M2, which depends on how large they are', () => {
  const { program } = dynamicPrograms({ ...presets.stories110m, batch: 1, sequence: 256 }).attentionForward;
  const ofSlices = (chip: string) => lint(program.text, loadProfile(chip)).find(({ rule }) => rule === 'slice-offset');
  for (const chip of ['m1', 'm2']) expect(ofSlices(chip)).toMatchObject({ level: 'warning', severity: 'silent data' });
  expect(ofSlices('m4')).toBe(undefined);
});

test('says which packed surfaces are too wide for chips before M4', () => {
  const { program } = dynamicPrograms({ ...presets.stories110m, batch: 64, sequence: 256 }).attentionForward;
  const ofAxes = (chip: string) => lint(program.text, loadProfile(chip)).find(({ rule }) => rule === 'axis-length');
  for (const chip of ['m1', 'm2', 'm3-pro'])
    expect(ofAxes(chip)).toMatchObject({ level: 'error', severity: 'compile' });
});

test('a contradicted rule is an error on the chip that it was measured on', () => {
  const { text } = lintExamples['input-order-by-name']!;
  const level = (chip: string) =>
    lint(text, loadProfile(chip)).find(({ rule }) => rule === 'input-order-by-name')?.level;
  expect([level('m4'), level('m4-max')]).toEqual(['warning', 'error']);
});

test.each([
  ['2048 → 4096', 2048, 4096, true],
  ['4096 → 4096', 4096, 4096, true],
  ['4608 → 4608', 4608, 4608, false],
  ['6144 → 6144', 6144, 6144, false],
  ['768 → 2048', 768, 2048, false],
])('knows the weights that all cores read in steps of 1 MiB: %s', (_, inputs, outputs, notched) => {
  const { text } = convolution(inputs, outputs, 64);
  expect(lint(text, loadProfile('m4')).some(({ rule }) => rule === 'weight-notch')).toBe(notched);
  expect(lint(text, loadProfile('m5')).some(({ rule }) => rule === 'weight-notch')).toBe(false);
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
