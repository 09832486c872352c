import { CheckpointSchedule } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const none = { checkpointEvery: 0, checkpointMinutes: 0, keepEvery: 0 };
const MINUTE = 60_000;

/** A schedule whose time is told. */
function scheduleOf(intervals: Partial<typeof none>) {
  let now = 1e9;
  const schedule = new CheckpointSchedule({ ...none, ...intervals }, () => now);
  const pass = (ms: number) => {
    now += ms;
  };
  return { schedule, pass };
}

test('without intervals no checkpoint is due', () => {
  const { schedule, pass } = scheduleOf({});
  pass(1e12);
  expect(schedule.isDue(1000)).toBe(false);
});

test('by steps, and at those that are kept', () => {
  const { schedule } = scheduleOf({ checkpointEvery: 4, keepEvery: 6 });
  expect([1, 2, 3, 4, 5, 6, 8, 12].filter((step) => schedule.isDue(step))).toEqual([4, 6, 8, 12]);
});

test('by time, from the last one on', () => {
  const { schedule, pass } = scheduleOf({ checkpointMinutes: 10 });
  pass(10 * MINUTE - 1);
  expect(schedule.isDue(7)).toBe(false);
  pass(1);
  expect(schedule.isDue(8)).toBe(true);
  schedule.tried(2000);
  pass(10 * MINUTE - 1);
  expect(schedule.isDue(9)).toBe(false);
  pass(1);
  expect(schedule.isDue(10)).toBe(true);
});

test('writing takes no more than one part in 50 of the time', () => {
  const { schedule, pass } = scheduleOf({ checkpointMinutes: 10 });
  schedule.tried(MINUTE);
  pass(50 * MINUTE - 1);
  expect(schedule.isDue(1)).toBe(false);
  pass(1);
  expect(schedule.isDue(2)).toBe(true);
  schedule.tried(1000);
  pass(10 * MINUTE);
  expect(schedule.isDue(3)).toBe(true);
});
