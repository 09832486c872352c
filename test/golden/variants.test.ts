import { readFileSync } from 'node:fs';
import { loadModel } from '@mayfly/core';
import { decoderLayer } from '@mayfly/core/layers';
import type { ProgramForm } from '@mayfly/core/testing';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, describe, expect, test } from 'vitest';
import { type FormResult, type FormTraining, trainInForm } from '../fixtures/form-training.js';
import { fullProduct } from '../fixtures/full-product.js';
import { smallConfig, smallTokens } from '../fixtures/small-model.js';
import { stories, storiesAbsent } from '../fixtures/stories260k.js';

const CROSS_ENTROPY = 1.479328;
const LOSSES = [1.479111, 1.598748, 1.643558, 1.86636, 1.524557, 1.35849, 1.592913, 1.460713, 1.312203, 1.373002];

const [attention, feedForward] = decoderLayer.blocks.map(({ variants = [] }) => variants.map(({ name }) => name));
const forms: Record<string, ProgramForm> = Object.fromEntries([
  ...attention!.map((name, index) => {
    const other = feedForward![Math.max(0, index - attention!.length + feedForward!.length)]!;
    return [`${name}, ${other}`, { variants: { attention: name, feedForward: other } }];
  }),
  ['silu=exp,rope=reshape,split=2', { silu: 'exp', rope: 'reshape', split: 2 }],
  ['silu=exp,rope=permutation,split=4', { silu: 'exp', rope: 'permutation', split: 4 }],
]);

const endless = { compilations: 10_000, livePrograms: 10_000, evaluations: 10 ** 9 };

const largest = (actual: readonly number[], expected: readonly number[]): number =>
  Math.max(...actual.map((value, index) => Math.abs(value - expected[index]!)));

describe.each(['dynamic', 'static'] as const)('%s weights', (weights) => {
  // Each form with one of the two.
  const first = weights === 'static' ? 0 : 1;
  const some = Object.entries(forms).filter((_, index) => index % 2 === first);

  const rows: string[] = [];
  afterAll(() => {
    if (rows.length > 0)
      console.log([`stories260K, ${weights} weights: distance from the golden numbers`, ...rows].join('\n'));
  });

  test.skipIf(storiesAbsent).each(fullProduct ? Object.entries(forms) : some)(
    'stories260K in the form %s',
    async (name, form) => {
      const model = await loadModel(stories.model.path);
      const { buffer, byteOffset } = readFileSync(stories.tokens.path);
      // The windows of ten steps are among those of the cross-entropy, and take a seventh of the time.
      const isWhole = fullProduct || name === some[0]![0];
      const { programs, crossEntropy, losses } = await trainInForm({
        ...{ config: model.config, fill: (parameters) => model.parameters!(parameters) },
        ...{ tokens: new Uint16Array(buffer, byteOffset, 256 * 64 + 1), batch: 4, sequence: 64 },
        ...{ weights, form, evaluated: isWhole ? 256 : 4, steps: 10, pool: { budget: endless } },
      });
      const ofEntropy = Math.abs(crossEntropy - CROSS_ENTROPY);
      const ofSteps = largest(losses, LOSSES);
      rows.push(
        `  ${name.padEnd(34)}${String(programs).padStart(4)} programs  cross-entropy ${isWhole ? ofEntropy.toExponential(1) : '–'}  ten steps ${ofSteps.toExponential(1)}`,
      );
      if (isWhole) expect(ofEntropy).toBeLessThan(1e-3);
      expect(ofSteps).toBeLessThan(2e-3);
    },
  );

  const small: Omit<FormTraining, 'form'> = {
    ...{ config: smallConfig, tokens: smallTokens(10 * 24 + 1, smallConfig.vocab), batch: 2, sequence: 12 },
    ...{ weights, evaluated: 4, steps: 10 },
    fill(parameters) {
      const random = xoroshiro128plus(3);
      parameters.forEach((_, index) => {
        parameters[index] = ((random.next() >>> 0) / 2 ** 32 - 0.5) / 2;
      });
    },
  };

  test('a small model has the losses of fused programs in other forms', async () => {
    const short = { ...small, steps: 4 };
    const fused = await trainInForm({ ...short, form: {} });
    for (const [name, form] of some) {
      const { crossEntropy, losses } = await trainInForm({ ...short, form });
      expect.soft(Math.abs(crossEntropy - fused.crossEntropy), name).toBeLessThan(1e-3);
      expect.soft(largest(losses, fused.losses), name).toBeLessThan(2e-3);
    }
  });

  test('programs of several stages have the same bits with retirements and without', async () => {
    const form = forms['single, single']!;
    const runs: FormResult[] = [];
    for (const budget of [
      endless,
      weights === 'static' ? { compilations: 60, livePrograms: 60 } : { evaluations: 60 },
    ]) {
      runs.push(
        await trainInForm({ ...small, form, pool: { workers: 1, standby: 1, budget, pacing: { settleMs: 0 } } }),
      );
    }
    expect(runs[0]!.retired).toBe(0);
    expect(runs[1]!.retired).toBeGreaterThan(1);
    expect(runs[1]!.losses).toEqual(runs[0]!.losses);
    expect(runs[1]!.parameters).toEqual(runs[0]!.parameters);
  });
});
