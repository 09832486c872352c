import { readFileSync } from 'node:fs';
import { ArenaScope, createPool, createTrainer, loadModel } from '@mayfly/core';
import { arenaBytesFor, Decoder } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';
import { stories, storiesAbsent, tensorOrder } from '../fixtures/stories260k.js';

const R1_LOSS = 1.479111;
const R1_NORM = 3.667826;
const R1_NORMS: Readonly<Record<(typeof tensorOrder)[number][0], number>> = {
  tok_emb: 1.108327,
  rms_att: 0.087542,
  wq: 0.438455,
  wk: 1.135786,
  wv: 1.909876,
  wo: 0.92103,
  rms_ffn: 0.266287,
  w1: 1.456249,
  w2: 1.387579,
  w3: 1.455159,
  rms_final: 0.065454,
};
const R2_LOSSES = [1.479111, 1.598748, 1.643558, 1.86636, 1.524557, 1.35849, 1.592913, 1.460713, 1.312203, 1.373002];
const [BATCH, SEQUENCE] = [4, 64];
const LOSS_SCALE = 1024;

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

describe.skipIf(storiesAbsent)('stories260K', () => {
  describe.each(['dynamic', 'static'] as const)('%s weights', (weights) => {
    test('R1: loss and every gradient of one backward pass', async () => {
      const model = await loadModel(stories.model.path);
      const shape = { config: model.config, batch: BATCH, sequence: SEQUENCE, weights };
      await using pool = await createPool({ arenaBytes: arenaBytesFor({ ...shape, training: true }), standby: 0 });
      const decoder = new Decoder(new ArenaScope(pool.arena), {
        ...shape,
        training: true,
        hostThreads: 0,
      });
      await model.parameters!(decoder.state.parameters.array());
      await decoder.load(pool);
      const reference = readDebugState();

      await decoder.forward(reference.inputs);
      const sum = await decoder.backward(reference.targets, LOSS_SCALE / reference.inputs.length);
      await decoder.weightGradients!.settleAll();
      expect(Math.abs(sum / reference.inputs.length - R1_LOSS)).toBeLessThan(1e-3);

      const { layout } = decoder.state;
      const gradients = decoder.state.gradients.array().map((value) => value / LOSS_SCALE);
      let offset = 0;
      let squares = 0;
      for (const [name, parameter] of tensorOrder) {
        const entries = layout.entries.filter((entry) => entry.name === parameter);
        const actual = Float32Array.from(
          entries.flatMap((entry) => [...gradients.subarray(entry.offset, entry.offset + entry.count)]),
        );
        const expected = reference.gradients.subarray(offset, offset + actual.length);
        offset += actual.length;
        squares += norm(actual) ** 2;
        expect.soft(Math.abs(norm(actual) / R1_NORMS[name] - 1), `norm of ${name}`).toBeLessThan(0.01);
        const error = norm(actual.map((value, index) => value - expected[index]!)) / norm(expected);
        expect.soft(error, `relative error of ${name}`).toBeLessThan(0.02);
      }
      expect(offset).toBe(layout.count);
      expect(Math.abs(Math.sqrt(squares) / R1_NORM - 1)).toBeLessThan(0.01);
    });

    test('R2: ten AdamW steps', async () => {
      await using trainer = await createTrainer({
        model: stories.model.path,
        data: stories.tokens.path,
        weights,
        batch: BATCH,
        seq: SEQUENCE,
        steps: 10,
        lr: 1e-4,
        betas: [0.9, 0.95],
        eps: 1e-8,
        weightDecay: 0.1,
        clip: 1,
        order: 'sequential',
      });
      const losses: number[] = [];
      for await (const { step, loss, gradNorm, skipped } of trainer.steps()) {
        losses.push(loss);
        expect(skipped).toBe(false);
        if (step === 1) expect(Math.abs(gradNorm / R1_NORM - 1)).toBeLessThan(0.01);
      }
      expect(losses).toHaveLength(R2_LOSSES.length);
      for (const [index, loss] of losses.entries()) {
        expect.soft(Math.abs(loss - R2_LOSSES[index]!), `loss of step ${index + 1}: ${loss}`).toBeLessThan(2e-3);
      }
    });
  });
});

/** int32[8] header; inputs and targets int32 [4, 64]; logits fp32 [4·64, 512]; loss fp32; gradients fp32 [260032]. */
function readDebugState(): { inputs: Int32Array; targets: Int32Array; gradients: Float32Array } {
  const { buffer, byteOffset, length } = readFileSync(stories.debugState.path);
  const bytes = buffer.slice(byteOffset, byteOffset + length);
  const tokens = BATCH * SEQUENCE;
  const inputs = new Int32Array(bytes, 32, tokens);
  const targets = new Int32Array(bytes, 32 + 4 * tokens, tokens);
  const gradients = new Float32Array(bytes, 32 + 8 * tokens + 4 * tokens * 512 + 4);
  return { inputs, targets, gradients };
}
