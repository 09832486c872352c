import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainer, loadModel, TokenArray } from '@mayfly/core';
import { ParameterLayout } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { families } from '../fixtures/families.js';
import { familyParameters, saveFamily } from '../fixtures/family-model.js';
import { recipe, referenceTraining } from '../fixtures/reference-training.js';
import { smallTokens } from '../fixtures/small-model.js';
import { temporaryFolder } from '../fixtures/temporary-folder.js';

// The numbers are those of `referenceTraining`, in float64: MAYFLY_FAMILY_GOLDENS=write computes them anew, which takes minutes.

/** One layer and few tokens, so that finite differences of all parameters are feasible. */
const models = Object.entries(families).map(([name, { json, config }]) => {
  return [name, { json, config: { ...config, dim: 9, hidden: 11, layers: 1, vocab: 13 } }] as const;
});

interface Golden {
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
  /** After the last step: the mean of each tensor's change, element by element times 1, 2, 3, 1, 2, 3, … */
  readonly changes: Readonly<Record<string, number>>;
}

const path = new URL('families.json', import.meta.url);
const goldens: Record<string, Golden> = JSON.parse(readFileSync(path, 'utf8'));
const writes = process.env.MAYFLY_FAMILY_GOLDENS === 'write';
const folder = temporaryFolder();
const stored = [
  { dtype: 'F32', shards: 1, weights: 'dynamic' },
  { dtype: 'BF16', shards: 2, weights: 'static' },
  { dtype: 'F16', shards: 1, weights: 'dynamic' },
] as const;

const { batch, seq, steps } = recipe;
const tokensOf = (vocab: number) => smallTokens(steps * batch * seq + 1, vocab);

function changesOf(layout: ParameterLayout, before: Float32Array, after: ArrayLike<number>): Record<string, number> {
  return Object.fromEntries(
    layout.entries.map(({ name, layer, offset, count }) => {
      let sum = 0;
      for (let index = 0; index < count; index++) {
        sum += ((index % 3) + 1) * (after[offset + index]! - before[offset + index]!);
      }
      return [layer < 0 ? name : `${layer}.${name}`, Number((sum / count).toPrecision(6))];
    }),
  );
}

test.runIf(writes)('writes the numbers of the reference', { timeout: 3_600_000 }, () => {
  for (const [name, { config }] of models) {
    const before = familyParameters(config);
    const { losses, gradientNorms, parameters } = referenceTraining(config, before, tokensOf(config.vocab));
    const rounded = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(8)));
    goldens[name] = {
      ...{ losses: rounded(losses), gradientNorms: rounded(gradientNorms) },
      changes: changesOf(new ParameterLayout(config), before, parameters),
    };
    writeFileSync(path, `${JSON.stringify(goldens, null, 2)}\n`);
  }
});

test.skipIf(writes).each(models)('five steps of AdamW from a folder: %s', async (name, family) => {
  const { config } = family;
  const index = Object.keys(families).indexOf(name);
  const { weights, ...how } = stored[index % stored.length]!;
  const model = join(folder, `model-${index}`);
  saveFamily(model, family, how);
  const golden = goldens[name]!;
  const source = await loadModel(model);
  expect(source.config).toEqual(config);
  const before = new Float32Array(new ParameterLayout(config).count);
  await source.parameters!(before);
  expect(before).toEqual(familyParameters(config));

  const out = join(folder, `run-${index}`);
  const data = new TokenArray(tokensOf(config.vocab), 'a sequence of tokens');
  await using trainer = await createTrainer({ ...recipe, model, data, out, weights, pool: { device: 'cpu' } });
  const done: { readonly loss: number; readonly gradNorm: number }[] = [];
  trainer.on('step', (step) => done.push(step));
  await trainer.train();

  for (const [step, { loss, gradNorm }] of done.entries()) {
    expect.soft(Math.abs(loss - golden.losses[step]!), `loss of step ${step + 1}`).toBeLessThan(2e-3);
    expect
      .soft(Math.abs(gradNorm / golden.gradientNorms[step]! - 1), `gradient norm of step ${step + 1}`)
      .toBeLessThan(5e-3);
  }
  const after = new Float32Array(before.length);
  await (await loadModel(out)).parameters!(after);
  const changes = changesOf(new ParameterLayout(config), before, after);
  expect(Object.keys(changes)).toEqual(Object.keys(golden.changes));
  for (const [tensor, change] of Object.entries(changes)) {
    expect.soft(Math.abs(change - golden.changes[tensor]!), `change of ${tensor}`).toBeLessThan(5e-4);
  }
});
