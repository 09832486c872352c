import { curvesText } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const curve = (name: string, first: number, last: number) => ({
  name,
  points: Array.from({ length: last - first + 1 }, (_, index) => [first + index, 1 / (1 + index)] as const),
});

test.each([
  [24, [curve('one', 1, 123)], '1 62 123'],
  [24, [curve('one', 1, 100_000)], '1 100000'],
  [40, [curve('one', 1, 100_000)], '1 50001 100000'],
  [40, [curve('one', 1, 120), curve('other', 41, 201)], '1 101 201'],
  [100, [curve('one', 1, 3)], '1 2 3'],
])('in %i columns the axis begins with the first step and ends with the last', async (width, curves, numbers) => {
  const text = await curvesText(curves, { metric: 'loss', width, height: 6, log: false });
  const lines = text.split('\n');
  const axis = lines.findIndex((line) => line.includes('└'));
  expect(lines[axis + 1]!.trim().split(/\s+/).join(' ')).toBe(numbers);
  expect(lines.slice(axis + 2).filter((line) => !/^[*o] /.test(line))).toEqual([]);
  for (const line of lines.slice(0, axis + 2)) expect(line.length).toBeLessThanOrEqual(width);
});
