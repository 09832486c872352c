import { blocksFor, mergesAfter, sumByTree } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

/** Follows a step's passes through the blocks as `GradientSums` does, with the sums as text; the first passes are `from` on. */
function follow(passes: number, from = 0): { sum: string; blocks: number } {
  const stack: string[] = [];
  let blocks = 0;
  for (let pass = 0; pass < passes; pass++) {
    if (pass % 2 === 0) stack.push(`${from + pass}`);
    else stack.push(`(${stack.pop()} ${from + pass})`);
    blocks = Math.max(blocks, stack.length);
    for (let merge = mergesAfter(pass, passes); merge > 0; merge--) {
      const right = stack.pop();
      stack.push(`(${stack.pop()} ${right})`);
    }
  }
  expect(stack).toHaveLength(1);
  return { sum: stack[0]!, blocks };
}

test.each([
  [1, '0'],
  [2, '(0 1)'],
  [3, '((0 1) 2)'],
  [4, '((0 1) (2 3))'],
  [6, '(((0 1) (2 3)) (4 5))'],
  [7, '(((0 1) (2 3)) ((4 5) 6))'],
  [8, '(((0 1) (2 3)) ((4 5) (6 7)))'],
])('%i passes are summed as %s', (passes, expected) => {
  expect(follow(passes).sum).toBe(expected);
});

test('as many blocks are taken as are needed at once', () => {
  for (let passes = 1; passes <= 70; passes++)
    expect([passes, follow(passes).blocks]).toEqual([passes, blocksFor(passes)]);
  expect([1, 2, 3, 4, 8, 64].map(blocksFor)).toEqual([1, 1, 2, 2, 3, 6]);
});

describe.each([2, 4, 8])('passes shared out over %i processes', (ranks) => {
  test.each([1, 2, 4])('%i each, summed by the same tree over the processes, are the tree of one process', (each) => {
    const parts = Array.from({ length: ranks }, (_, rank) => follow(each, rank * each).sum);
    let level = parts;
    while (level.length > 1) level = level.flatMap((left, i) => (i % 2 === 0 ? [`(${left} ${level[i + 1]})`] : []));
    expect(follow(ranks * each).sum).toBe(level[0]);
  });
});

test('one number of each pass is summed by the same tree', () => {
  // Each sum of the tree is exact, any other order loses the small parts.
  expect(sumByTree([2 ** 53, -(2 ** 53), 1, 0.5])).toBe(1.5);
  expect(sumByTree([1, 2 ** 53, -(2 ** 53)])).toBe(0);
  for (let count = 1; count <= 20; count++) {
    expect(sumByTree(Array.from({ length: count }, () => 1))).toBe(count);
  }
});
