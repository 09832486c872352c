import { Turns } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

test('passes work at a place in the order of their indices, whichever comes first', async () => {
  const turns = new Turns();
  const order: number[] = [];
  const take = (pass: number) => turns.take('a sum', pass, () => order.push(pass));
  const [last, middle] = [take(2), take(1)];
  await turns.take('another sum', 0, () => {});
  expect(order).toEqual([]);
  await Promise.all([take(0), middle, last]);
  expect(order).toEqual([0, 1, 2]);
  turns.begin();
  await take(0);
  expect(order).toEqual([0, 1, 2, 0]);
});

test('the failure of a pass ends the wait of those behind it, until a step begins', async () => {
  const turns = new Turns();
  const failure = new Error('refused');
  const waiting = turns.take('a sum', 1, () => 'worked');
  turns.fail(failure);
  turns.fail(new Error('a consequence'));
  await expect(waiting).rejects.toBe(failure);
  await expect(turns.after('a sum', 0)).rejects.toBe(failure);
  turns.begin();
  await turns.take('a sum', 0, () => {});
  await expect(turns.take('a sum', 1, () => 'worked')).resolves.toBe('worked');
});
