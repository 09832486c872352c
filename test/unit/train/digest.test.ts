import { SequenceDigest } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const digest = (numbers: readonly number[], from?: string): string => {
  const sequence = new SequenceDigest(from);
  for (const number of numbers) sequence.add(number);
  return sequence.value;
};

test('can be continued', () => {
  expect(digest([3, 4], digest([1, 2]))).toBe(digest([1, 2, 3, 4]));
});

test('sees order, length and the last bit', () => {
  const reference = digest([1, 2]);
  expect(digest([2, 1])).not.toBe(reference);
  expect(digest([1])).not.toBe(reference);
  expect(digest([1, 2 + Number.EPSILON * 2])).not.toBe(reference);
});
