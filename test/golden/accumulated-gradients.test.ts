import { ArenaScope, createPool } from '@mayfly/core';
import { arenaBytesFor, Decoder, initializeParameters } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { smallConfig, smallTokens } from '../fixtures/small-model.js';

const [BATCH, SEQUENCE] = [2, 12];
const COLUMNS = BATCH * SEQUENCE;

/** Each sum rounded to fp32. */
function treeSum(passes: readonly Float32Array[]): Float32Array {
  if (passes.length === 1) return passes[0]!;
  const first = 2 ** Math.ceil(Math.log2(passes.length) - 1);
  const [left, right] = [treeSum(passes.slice(0, first)), treeSum(passes.slice(first))];
  return left.map((value, i) => value + right[i]!);
}

const heads = [
  ['a tied head', smallConfig],
  ['a head of its own', { ...smallConfig, tiedHead: false }],
] as const;

// Of seven the last is a pair by itself, which two sums wait for; the last of eight completes three.
test.each(heads.flatMap(([head, config]) => [5, 7, 8].map((passes) => [passes, head, config] as const)))(
  '%i passes of a step with %s give the tree sum of the gradients that each gives alone',
  async (PASSES, _, config) => {
    const shape = { config, batch: BATCH, sequence: SEQUENCE, weights: 'dynamic', passes: PASSES } as const;
    await using pool = await createPool({ arenaBytes: arenaBytesFor({ ...shape, training: true }), standby: 0 });
    const decoder = new Decoder(new ArenaScope(pool.arena), {
      ...shape,
      training: true,
      hostThreads: 2,
    });
    await initializeParameters(decoder.state.layout, decoder.state.parameters.array(), 3);
    await decoder.load(pool);
    const tokens = smallTokens(PASSES * COLUMNS + 1, config.vocab);
    const gradients = decoder.state.gradients.array();
    const pass = async (index: number, as: number) => {
      const first = index * COLUMNS;
      await decoder.forward(tokens.subarray(first, first + COLUMNS));
      await decoder.backward(tokens.subarray(first + 1, first + COLUMNS + 1), 128, as);
      await decoder.weightGradients!.settleAll();
    };

    const alone: Float32Array[] = [];
    for (let index = 0; index < PASSES; index++) {
      await pass(index, 0);
      alone.push(gradients.slice());
    }
    for (let index = 0; index < PASSES; index++) await pass(index, index);
    const norm = await decoder.gradientSums!.norm();

    const expected = treeSum(alone);
    expect(Buffer.from(gradients.slice().buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    expect(norm / Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0))).toBeCloseTo(1, 6);
    await decoder.dispose();
  },
);
