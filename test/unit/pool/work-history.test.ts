import { WorkHistory } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const MS = 1e6;
const UNKNOWN = 60_000;

function historyOf(count: number, milliseconds: number): WorkHistory {
  const history = new WorkHistory();
  for (let i = 0; i < count; i++) history.record(milliseconds * MS);
  return history;
}

test('a deadline comes from the slowest work of its kind, once enough was seen', () => {
  expect(historyOf(15, 100).deadlineMs(undefined, UNKNOWN)).toBe(UNKNOWN);
  const history = historyOf(16, 100);
  expect(history.deadlineMs(undefined, UNKNOWN)).toBe(5000);
  history.record(200 * MS);
  expect(history.deadlineMs(undefined, UNKNOWN)).toBe(10_000);
});

test('it is never so short that a busy machine looks like a hang', () => {
  expect(historyOf(1000, 0.2).deadlineMs(undefined, UNKNOWN)).toBe(2000);
});

test('a deadline that was given wins', () => {
  expect(historyOf(1000, 100).deadlineMs(50, UNKNOWN)).toBe(50);
  expect(new WorkHistory().deadlineMs(50, UNKNOWN)).toBe(50);
});
