import { MilBuilder } from '@mayfly/core/testing';
import { expect, test } from 'vitest';
import { runProgram } from './run-program.js';
import { random, tensor } from './tensor.js';

const SEQUENCE = 150;
const shape = [1, 2, 16, SEQUENCE] as const;
const square = [1, 1, SEQUENCE, SEQUENCE] as const;

const causal: readonly number[] = Array.from({ length: SEQUENCE * SEQUENCE }, (_, at) =>
  at % SEQUENCE > Math.floor(at / SEQUENCE) ? -10_000 : 0,
);

/** Attention and its gradients, with the mask as a constant, which a device may look into, or as an input. */
function attention(mask: readonly number[], kind: 'constant' | 'input') {
  const b = new MilBuilder();
  const [q, k, v, gradient] = ['q', 'k', 'v', 'gradient'].map((name) => b.input(name, 'fp16', shape));
  const given = kind === 'input' ? b.input('mask', 'fp16', square) : b.constant(mask, 'fp16', square);
  const probabilities = b.softmax(b.add(b.matmul(q!, k!, { x: true }), given), -1);
  const dProbabilities = b.matmul(gradient!, v!, { x: true });
  const mean = b.reduceSum(b.mul(probabilities, dProbabilities), [3]);
  const dScores = b.mul(probabilities, b.sub(dProbabilities, mean));
  b.output('attended', b.matmul(v!, probabilities, { y: true }));
  b.output('dq', b.matmul(k!, dScores, { y: true }));
  b.output('dk', b.matmul(q!, dScores));
  b.output('dv', b.matmul(gradient!, probabilities));
  // Rows and columns exchanged, so that the product is computed as its transpose.
  b.output('turned', b.transpose(b.matmul(v!, probabilities, { y: true }), [0, 1, 3, 2]));
  const inputs = [1, 2, 3, 4].map((seed) => random(seed, 'fp16', shape));
  if (kind === 'input') inputs.push(tensor('fp16', square, mask));
  return runProgram('cpu', { text: b.build().text, inputs }, 2);
}

/** Zeros have no sign here: a sum that leaves out −0 may give +0. */
const values = (results: ReturnType<typeof attention>) => results.map(({ data }) => data.map((value) => value + 0));

test('a constant causal mask gives the same results as one that is an input, bit for bit', () => {
  expect(values(attention(causal, 'constant'))).toEqual(values(attention(causal, 'input')));
});

test.each([
  ['one element above the diagonal counts', 7 * SEQUENCE + 120, 0],
  ['one element above the diagonal is hardly masked', 7 * SEQUENCE + 120, -3],
  ['one element below the diagonal is masked, too', 120 * SEQUENCE + 7, -10_000],
] as const)('%s', (_, at, value) => {
  const mask = causal.with(at, value);
  const results = values(attention(mask, 'constant'));
  expect(results).toEqual(values(attention(mask, 'input')));
  expect(results).not.toEqual(values(attention(causal, 'input')));
});
