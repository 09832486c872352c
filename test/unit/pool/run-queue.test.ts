import { Run, RunQueue } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

function runs(...calls: number[]): Run<null>[] {
  return calls.map((call) => Object.assign(new Run(null), { call }));
}

const calls = (queue: RunQueue<null>) => queue.clear().map(({ call }) => call);

test('runs that are to be repeated find their place among those that wait, in whatever order they failed', () => {
  const queue = new RunQueue<null>();
  for (const run of runs(7, 8)) queue.push(run);
  for (const failed of [3, 4, 1]) queue.restore(runs(failed));
  queue.restore(runs(2, 5));
  expect(queue.size).toBe(7);
  expect(calls(queue)).toEqual([1, 2, 3, 4, 5, 7, 8]);
});
