import { LossScaler } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

test('a constant scale stays, and counts what it skips', () => {
  const scaler = new LossScaler(512);
  expect(scaler.accept(false)).toBe(false);
  expect(scaler.accept(true)).toBe(true);
  expect(scaler.scale).toBe(512);
  expect(scaler.skipped).toBe(1);
});

test('a dynamic scale halves after an overflow and doubles after 2000 steps without one', () => {
  const scaler = new LossScaler('dynamic');
  const initial = scaler.scale;
  scaler.accept(false);
  expect(scaler.scale).toBe(initial / 2);
  for (let step = 0; step < 1999; step++) scaler.accept(true);
  expect(scaler.scale).toBe(initial / 2);
  scaler.accept(true);
  expect(scaler.scale).toBe(initial);
});

test('an overflow starts the count of good steps anew', () => {
  const scaler = new LossScaler('dynamic');
  const initial = scaler.scale;
  for (let step = 0; step < 1999; step++) scaler.accept(true);
  scaler.accept(false);
  for (let step = 0; step < 1999; step++) scaler.accept(true);
  expect(scaler.scale).toBe(initial / 2);
});

test('a dynamic scale never falls below 1', () => {
  const scaler = new LossScaler('dynamic');
  for (let step = 0; step < 100; step++) scaler.accept(false);
  expect(scaler.scale).toBe(1);
});

test('goes on from its state', () => {
  const whole = new LossScaler('dynamic');
  const first = new LossScaler('dynamic');
  for (const scaler of [whole, first]) {
    for (let step = 0; step < 1500; step++) scaler.accept(step !== 10);
  }
  const second = new LossScaler('dynamic', first.state);
  for (const scaler of [whole, second]) {
    for (let step = 0; step < 700; step++) scaler.accept(true);
  }
  expect(second.state).toEqual(whole.state);
});
