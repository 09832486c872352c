import type { Collective } from '@mayfly/core';
import { Ranks, SingleGroup } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

/** A group of two in one process, which counts the rounds of messages. */
function pair(timeoutMs: number, onRound: (round: number) => void = () => {}): Ranks[] {
  let round: { messages: Uint8Array[]; all: PromiseWithResolvers<Uint8Array[]> } | null = null;
  let rounds = 0;
  const group = (rank: number): Collective =>
    Object.assign(Object.create(new SingleGroup()) as Collective, {
      ...{ rank, size: 2, timeoutMs },
      exchange(message: Uint8Array): Promise<Uint8Array[]> {
        round ??= { messages: [], all: withResolvers() };
        const { messages, all } = round;
        messages[rank] = new Uint8Array(message);
        if (messages[0] !== undefined && messages[1] !== undefined) {
          round = null;
          onRound(++rounds);
          all.resolve(messages);
        }
        return all.promise;
      },
    });
  return [0, 1].map((rank) => new Ranks(group(rank)));
}

interface PromiseWithResolvers<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
}

function withResolvers<Value>(): PromiseWithResolvers<Value> {
  let resolve!: (value: Value) => void;
  const promise = new Promise<Value>((each) => {
    resolve = each;
  });
  return { promise, resolve };
}

test('a rank at work says so to those that wait, until all have ended', async () => {
  const work = withResolvers<string>();
  // It ends when the other has heard three times that it is at work: its signs come four times within a deadline.
  const [first, second] = pair(4, (round) => round === 3 && work.resolve('done'));
  const ended = await Promise.all([first!.throughout(() => work.promise), second!.throughout(() => 'early')]);
  expect(ended).toEqual(['done', 'early']);
});

test('an error of work of any length is the error of all', async () => {
  const work = withResolvers<never>();
  const [first, second] = pair(
    4,
    (round) => round === 2 && work.resolve(Promise.reject(new Error('no disk')) as never),
  );
  const ended = await Promise.allSettled([first!.throughout(() => work.promise), second!.throughout(() => 'early')]);
  expect(ended).toMatchObject([
    { status: 'rejected', reason: { message: 'no disk' } },
    { status: 'rejected', reason: { code: 'ERR_COLLECTIVE', message: 'rank 0: no disk' } },
  ]);
});

test('one process sends nothing', async () => {
  expect(await new Ranks(new SingleGroup()).throughout(() => 5)).toBe(5);
});
