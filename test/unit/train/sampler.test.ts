import { Sampler } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const logits = Float32Array.from([0, 2, 1, 2, -1]);
const draw = (sampler: Sampler, count: number) => Array.from({ length: count }, () => sampler.sample(logits));
const shares = (tokens: readonly number[]) => {
  const counts = new Array<number>(logits.length).fill(0);
  for (const token of tokens) counts[token]! += 1 / tokens.length;
  return counts;
};

test('temperature 0 takes the likeliest token, the first of equals', () => {
  expect(draw(new Sampler({ temperature: 0 }), 3)).toEqual([1, 1, 1]);
});

test('the same seed draws the same tokens, another one others', () => {
  const first = draw(new Sampler({ seed: 3 }), 50);
  expect(draw(new Sampler({ seed: 3 }), 50)).toEqual(first);
  expect(draw(new Sampler({ seed: 4 }), 50)).not.toEqual(first);
});

test('draws by softmax of the logits over the temperature', () => {
  for (const temperature of [1, 0.5]) {
    const weights = Array.from(logits, (logit) => Math.exp(logit / temperature));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const actual = shares(draw(new Sampler({ temperature }), 20_000));
    for (const [token, weight] of weights.entries()) expect(actual[token]).toBeCloseTo(weight / total, 1.7);
  }
});

test('top-k draws from the k likeliest only', () => {
  expect(new Set(draw(new Sampler({ topK: 2 }), 200))).toEqual(new Set([1, 3]));
  expect(new Set(draw(new Sampler({ topK: 1 }), 20))).toEqual(new Set([1]));
});

test('top-p draws from the fewest likeliest that reach the probability', () => {
  // Probabilities, likeliest first: 0.39, 0.39, 0.14, 0.05, 0.02.
  expect(new Set(draw(new Sampler({ topP: 0.3 }), 50))).toEqual(new Set([1]));
  expect(new Set(draw(new Sampler({ topP: 0.7 }), 200))).toEqual(new Set([1, 3]));
  expect(new Set(draw(new Sampler({ topP: 0.9 }), 500))).toEqual(new Set([1, 2, 3]));
});

describe('rejects', () => {
  test.each([{ temperature: -1 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }])('%o', (options) => {
    expect(() => new Sampler(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });
});
