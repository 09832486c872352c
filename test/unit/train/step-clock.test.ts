import { StepClock } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

/** A clock with a time that work sets. */
function clockAt0() {
  let now = 0;
  const clock = new StepClock(() => now);
  const takes = (ms: number) => async () => {
    await null;
    now += ms;
  };
  return { clock, takes };
}

test('a step takes the time since the last one ended, without what is left out', async () => {
  const { clock, takes } = clockAt0();
  await takes(1000)();
  const laps: number[] = [];
  for (let step = 0; step < 2; step++) {
    await clock.count(async () => {
      await takes(10)();
      laps.push(clock.lap());
      await takes(1)();
      await clock.leaveOut(takes(300));
      await takes(2)();
    });
    await takes(70)();
  }
  expect(laps).toEqual([10, 13]);
  expect(clock.total).toBe(26);
});

test('what left out work waits for, but a step left behind, counts', async () => {
  const { clock, takes } = clockAt0();
  await clock.leaveOut(async () => {
    await takes(100)();
    await clock.count(takes(5));
    await takes(100)();
  });
  expect(clock.lap()).toBe(5);
});

test('a call that blocks the thread counts', () => {
  let now = 0;
  const clock = new StepClock(() => now);
  clock.block(() => {
    now += 4;
  });
  now += 8;
  expect(clock.lap()).toBe(4);
});

test('it goes on as before once work has failed', async () => {
  const { clock, takes } = clockAt0();
  const fails = async () => {
    await takes(9)();
    throw new Error('it fails');
  };
  await clock.count(async () => {
    await expect(clock.leaveOut(fails)).rejects.toThrow('it fails');
    await takes(3)();
  });
  await expect(clock.count(fails)).rejects.toThrow('it fails');
  await takes(50)();
  expect(clock.lap()).toBe(12);
});
