import { type Cut, decoderLayer, type LayerDefinition } from '@mayfly/core/layers';
import { dynamicPrograms, type ProgramForm, type ProgramShape, staticPrograms } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { parallelLayer, qkNormLayer } from '../../fixtures/own-layers.js';

const shape: ProgramShape = {
  ...{ dim: 32, hidden: 48, heads: 4, kvHeads: 2, headDim: 8, eps: 1e-5, ropeBase: 10_000, batch: 2, sequence: 6 },
  ropePairing: 'half',
};

type Programs = ReturnType<typeof staticPrograms | typeof dynamicPrograms>;
const writers = { static: staticPrograms, dynamic: dynamicPrograms };
const programsOf = (weights: keyof typeof writers, form: ProgramForm, layer?: LayerDefinition) =>
  Object.entries<Programs[keyof Programs]>(writers[weights](shape, form, layer));

/** Each program of a half as `name: matrices read → matrices made`; weights are left out. */
const flowOf = (weights: keyof typeof writers, half: string, variant: string) =>
  programsOf(weights, { variants: { [half]: variant } })
    .filter(([name]) => name.startsWith(half))
    .map(([name, { input, output, weights: held }]) => {
      const isWeight = (slot: string) => held.some(({ parameter }) => parameter === slot);
      const read = Object.keys(input.slots).filter((slot) => !isWeight(slot));
      return `${name.slice(half.length)}: ${read.join(' ')} → ${Object.keys(output.slots).join(' ')}`;
    });

describe('the programs of a variant', () => {
  test('sdpaBwd is that of the public trainers: probabilities are computed once and handed on', () => {
    expect(flowOf('static', 'attention', 'sdpaBwd')).toEqual([
      'Forward: x → sum xn qRotated kRotated v attn',
      'Backward.sdpaBwd1: dy qRotated kRotated v → dprobabilities dv probabilities',
      'Backward.sdpaBwd2: dprobabilities probabilities qRotated kRotated → dqRotated dkRotated',
      'Backward.qkvBwd: dqRotated dkRotated dv → dxn dq dk',
    ]);
  });

  test('probabilities are an input of one backward program, from the forward program or from a program of their own', () => {
    expect(flowOf('static', 'attention', 'probabilities')).toEqual([
      'Forward: x → sum xn qRotated kRotated v probabilities attn',
      'Backward: dy probabilities qRotated kRotated v → dxn dq dk dv',
    ]);
    expect(flowOf('dynamic', 'attention', 'sdpaBwd12')).toEqual([
      'Forward: xn → y qRotated kRotated v attn',
      'Backward.probs: qRotated kRotated → probabilities',
      'Backward.sdpaBwd12: dy probabilities qRotated kRotated v → dqRotated dkRotated dv',
      'Backward.qkvBwd: dqRotated dkRotated dv → dxn dq dk',
    ]);
  });

  test('the smallest have a norm of their own with static weights, and sum parts of a gradient across programs', () => {
    expect(flowOf('static', 'attention', 'small')).toEqual([
      'Forward.norm: x → xn',
      'Forward.qkvFwd: xn → qRotated kRotated v',
      'Forward.sdpaFwd: qRotated kRotated v → attn',
      'Forward.woFwd: attn x → sum',
      'Backward.wotBwd: dy → dattn',
      'Backward.probs: qRotated kRotated → probabilities',
      'Backward.sdpaBwd1: dattn probabilities v → dprobabilities dv',
      'Backward.sdpaBwd2: dprobabilities probabilities qRotated kRotated → dqRotated dkRotated',
      'Backward.kvBwd: dkRotated dv → dxn dk',
      'Backward.qBwd: dqRotated dxn → dxn dq',
    ]);
    expect(flowOf('dynamic', 'feedForward', 'small')).toEqual([
      'Forward.ffnW13: xn → h1 h3',
      'Forward.gate: h1 h3 → gate',
      'Forward.ffnW2: gate → y',
      'Backward.ffnBwdW2t: dy → dgate',
      'Backward.gateBwd: dgate h1 h3 → dh1 dh3',
      'Backward.ffnBwdW13t: dh1 dh3 → dxn',
    ]);
  });

  test('single has one product a program: gradients of two inputs of an operation are made apart', () => {
    expect(flowOf('static', 'attention', 'single')).toEqual([
      'Forward.norm: x → xn',
      'Forward.qFwd: xn → qRotated',
      'Forward.kFwd: xn → kRotated',
      'Forward.vFwd: xn → v',
      'Forward.probsFwd: qRotated kRotated → probabilities',
      'Forward.mixFwd: probabilities v → attn',
      'Forward.woFwd: attn x → sum',
      'Backward.wotBwd: dy → dattn',
      'Backward.dvBwd: dattn probabilities v → dv',
      'Backward.dpBwd: dattn probabilities v → dprobabilities',
      'Backward.dkBwd: dprobabilities probabilities qRotated kRotated → dkRotated',
      'Backward.dqBwd: dprobabilities probabilities qRotated kRotated → dqRotated',
      'Backward.vBwd: dv → dxn',
      'Backward.kBwd: dkRotated dxn → dxn dk',
      'Backward.qBwd: dqRotated dxn → dxn dq',
    ]);
    expect(flowOf('dynamic', 'feedForward', 'single')).toEqual([
      'Forward.ffnW1: xn → h1',
      'Forward.ffnW3: xn h1 → h3 gate',
      'Forward.ffnW2: gate → y',
      'Backward.ffnBwdW2t: dy h1 h3 → dh1 dh3',
      'Backward.ffnBwdW3t: dh3 → dxn',
      'Backward.ffnBwdW1t: dh1 dxn → dxn',
    ]);
    const form: ProgramForm = { variants: { attention: 'single', feedForward: 'single' } };
    for (const weights of ['static', 'dynamic'] as const) {
      const products = programsOf(weights, form, qkNormLayer).map(
        ([, { program }]) => program.text.match(/= (matmul|conv)\(/g)?.length ?? 0,
      );
      expect(Math.max(...products)).toBe(1);
      // Of attention 6 forward and 8 backward, of feed-forward 3 each.
      expect(products.reduce((sum, count) => sum + count)).toBe(6 + 8 + 3 + 3);
    }
  });

  test('a cut with `toward` needs one that makes the other gradients, and values that its operations read', () => {
    const write = (...backward: Cut[]) => {
      const own = { name: 'own', source: 'test', forward: [{ name: 'forward' }], backward };
      const blocks = decoderLayer.blocks.map((block) => ({ ...block, variants: [own] }));
      return () => dynamicPrograms(shape, {}, { ...decoderLayer, blocks: blocks.slice(1) });
    };
    const toward = { name: 'first', from: 'gate', toward: ['h1'] };
    expect(write(toward, { name: 'others', from: 'gate' }, { name: 'last' })).not.toThrow();
    for (const cuts of [[toward], [toward, { name: 'last' }]]) {
      expect(write(...cuts)).toThrow(/^\[own\.first\] Expected a cut after it that begins at the same value/);
    }
    expect(write({ ...toward, toward: ['h1', 'y'] }, { name: 'others', from: 'gate' }, { name: 'last' })).toThrow(
      /^\[own\.first\] Expected toward to name values that its operations read, got h1, y/,
    );
    // Kept by the forward pass, so that nothing is left to compute again.
    expect(write({ name: 'again', computes: ['h1'] }, { name: 'rest' })).toThrow(
      /^\[own\.again\] Expected to make a value/,
    );
  });

  test('of which there are at most eight a half, fused first', () => {
    for (const { variants = [] } of decoderLayer.blocks) {
      expect(variants.length).toBeLessThanOrEqual(8);
      expect(variants[0]!.name).toBe('fused');
      expect(new Set(variants.map(({ name }) => name)).size).toBe(variants.length);
    }
  });
});

const forms = decoderLayer.blocks.flatMap(({ name: block, variants = [] }) =>
  variants.map(({ name }) => [block, name] as const),
);

describe.each(forms)('%s, %s', (block, name) => {
  test.each(['static', 'dynamic'] as const)(
    'an operation that is added to the list is in one program of each pass (%s)',
    (weights) => {
      const programs = programsOf(weights, { variants: { [block]: name } }, qkNormLayer);
      const matrices = Object.keys(decoderLayer.parameters(shape)).filter((each) => /^w\w+$/.test(each));
      for (const parameter of ['qNorm', 'kNorm', ...matrices]) {
        const readers = (pass: RegExp) =>
          programs.filter(([each, { program, weights: held }]) => {
            const own = held.find((weight) => weight.parameter === parameter);
            if (own === undefined || !pass.test(each)) return false;
            // Programs with one surface have all weights of the half in it, and read some.
            return program.text.includes('slot' in own ? `[0, ${own.slot.row}, 0, ${own.slot.column}]` : parameter);
          }).length;
        const counts = [readers(/^(attention|feedForward)Forward/), readers(/^(attention|feedForward)Backward/)];
        expect.soft([parameter, ...counts]).toEqual([parameter, 1, 1]);
      }
    },
  );
});

test('a variant that a half does not have is an error, and blocks without variants have one', () => {
  expect(() => staticPrograms(shape, { variants: { attention: 'split' } })).toThrow(
    /Expected the variant of attention to be fused, .*, got `split`/,
  );
  const plain = programsOf('static', {}, parallelLayer);
  expect(programsOf('static', { variants: { parallel: 'sdpaBwd' } }, parallelLayer)).toEqual(plain);
});

describe('axes of the form', () => {
  const textOf = (weights: keyof typeof writers, form: ProgramForm) =>
    programsOf(weights, form)
      .map(([, { program }]) => program.text)
      .join('\n');
  const count = (text: string, operation: string) => text.split(`= ${operation}(`).length - 1;

  test.each(['static', 'dynamic'] as const)('are each in the text (%s)', (weights) => {
    const plain = textOf(weights, {});
    expect(textOf(weights, { silu: 'sigmoid', rope: 'slice', split: 1, variants: { attention: 'fused' } })).toBe(plain);
    expect([count(plain, 'sigmoid'), count(plain, 'exp')]).toEqual([2, 0]);
    const byExp = textOf(weights, { silu: 'exp' });
    expect([count(byExp, 'sigmoid'), count(byExp, 'exp')]).toEqual([0, 2]);
    const products = (text: string) => count(text, 'matmul') + count(text, 'conv');
    // Four rotations: of queries and keys, both ways.
    expect(products(textOf(weights, { rope: 'permutation' }))).toBe(products(plain) + 4);
    expect(products(textOf(weights, { rope: 'reshape' }))).toBe(products(plain));
    // Seven projections, both ways.
    expect(products(textOf(weights, { split: 4 }))).toBe(products(plain) + 3 * 14);
    expect(products(textOf(weights, { split: 2 }))).toBe(products(plain) + 14);
  });
});
