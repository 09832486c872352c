import { ParameterLayout, updateRules } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { smallConfig } from '../../fixtures/small-model.js';

const layout = new ParameterLayout(smallConfig);
const rulesOf = (...given: Parameters<typeof updateRules> extends [unknown, infer Rules] ? [Rules] : never) => {
  const rules = updateRules(layout, given[0]);
  return (name: string, layer = -1) => rules.get(layout.entry(name, layer));
};

test('matrices decay and vectors do not, all by AdamW', () => {
  const of = rulesOf({ weightDecay: 0.1 });
  expect(of('embedding')).toEqual({ lr: 1, weightDecay: 0.1, optimizer: 'adamw' });
  expect(of('wq', 1)).toEqual({ lr: 1, weightDecay: 0.1, optimizer: 'adamw' });
  expect(of('finalNorm')).toEqual({ lr: 1, weightDecay: 0, optimizer: 'adamw' });
});

test('muon takes the matrices of layers', () => {
  const of = rulesOf({ optimizer: 'muon' });
  expect(['wq', 'w2', 'attentionNorm'].map((name) => of(name, 0)?.optimizer)).toEqual(['muon', 'muon', 'adamw']);
  expect(of('embedding')?.optimizer).toBe('adamw');
});

test('a parameter belongs to the first group that names it', () => {
  const of = rulesOf({
    optimizer: 'muon',
    weightDecay: 0.1,
    groups: [
      { parameters: 'layers.1.w*', lr: 0.5 },
      { parameters: ['layers.*.w2', '*Norm'], weightDecay: 0.3, optimizer: 'adamw' },
      { parameters: 'embedding', lr: 0.1, weightDecay: 0, optimizer: 'muon' },
    ],
  });
  expect(of('w2', 1)).toEqual({ lr: 0.5, weightDecay: 0.1, optimizer: 'muon' });
  expect(of('w2', 0)).toEqual({ lr: 1, weightDecay: 0.3, optimizer: 'adamw' });
  expect(of('w1', 0)).toEqual({ lr: 1, weightDecay: 0.1, optimizer: 'muon' });
  expect(of('finalNorm')).toEqual({ lr: 1, weightDecay: 0.3, optimizer: 'adamw' });
  expect(of('embedding')).toEqual({ lr: 0.1, weightDecay: 0, optimizer: 'muon' });
});

test.each([
  [
    { groups: [{ parameters: 'layers.2.wq' }] },
    'names of parameters that are trained, such as layers.0.wq, got `layers.2.wq`',
  ],
  [{ groups: [{ parameters: 'layers.0.w.' }] }, 'got `layers.0.w.`'],
  [{ groups: [{ parameters: 'finalNorm', optimizer: 'muon' as const }] }, 'Muon for matrices alone, got `finalNorm`'],
])('refuses %j', (rules, message) => {
  expect(() => updateRules(layout, rules)).toThrow(message);
});
