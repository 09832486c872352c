import { createTrainer, TokenArray } from '@mayfly/core';
import { expect, test } from 'vitest';

const length = 129;
const tokens = Uint16Array.from({ length }, (_, index) => (index * index + 7 * index) % 251);
/** Targets that do not count are unevenly spread over windows: the first has none, the second all, … */
const marks = Uint8Array.from({ length }, (_, index) => ((index - 1) % 32 < 8 * (((index - 1) >> 5) % 4) ? 1 : 0));
const stream = () => new TokenArray(tokens, 'here', marks);

const train = (batch: number, accumulate: number) =>
  createTrainer({
    ...{ data: stream(), batch, accumulate, seq: 32, order: 'sequential', steps: 4, lr: 3e-3 },
    pool: { device: 'cpu' },
  });

test('a loss is the mean over the targets of the whole step that count, however it is cut into passes', async () => {
  const losses: number[][] = [];
  for (const [batch, accumulate] of [
    [4, 1],
    [1, 4],
  ] as const) {
    await using trainer = await train(batch, accumulate);
    const { crossEntropy, targets } = await trainer.evaluate(stream(), [0, 4]);
    expect(targets).toBe(marks.subarray(1).filter((mark) => mark === 0).length);
    const steps = [];
    for await (const { loss } of trainer.steps()) steps.push(loss);
    expect(steps[0]).toBeCloseTo(crossEntropy, 5);
    losses.push(steps);
  }
  // Later steps depend on the gradients, which have the same divisor.
  for (const [step, loss] of losses[0]!.entries()) expect(losses[1]![step]).toBeCloseTo(loss, 3);
});

test('a step without a counted target has loss 0 and a gradient of zero', async () => {
  await using trainer = await createTrainer({
    ...{ data: new TokenArray(tokens, 'here', new Uint8Array(length).fill(1)), batch: 2, seq: 32, steps: 1 },
    ...{ weightDecay: 0, pool: { device: 'cpu' } },
  });
  const before = trainer.parametersDigest();
  for await (const { loss, gradNorm } of trainer.steps()) expect([loss, gradNorm]).toEqual([0, 0]);
  expect(trainer.parametersDigest()).toBe(before);
});
