import { countWindows, splitTokens, TokenArray, type WindowState, Windows } from '@mayfly/core/testing';
import { describe, expect, test } from 'vitest';

const stream = (length: number) =>
  new TokenArray(
    Uint16Array.from({ length }, (_, index) => index),
    'here',
  );

function next(windows: Windows, batch: number, window: number): { inputs: number[]; targets: number[] } {
  const [inputs, targets] = [new Int32Array(batch * window), new Int32Array(batch * window)];
  windows.next(inputs, targets);
  return { inputs: [...inputs], targets: [...targets] };
}

describe('sequential', () => {
  test('step t takes windows B(t−1) … Bt−1, and starts over at the end', () => {
    // 11 tokens hold windows 0, 1 and 2 of 3 tokens; window 3 would lack its last target.
    const windows = new Windows(stream(11), 3, 'sequential');
    expect(countWindows(stream(11), 3)).toBe(3);
    expect(countWindows(stream(10), 3)).toBe(3);
    expect(countWindows(stream(9), 3)).toBe(2);
    expect(next(windows, 2, 3)).toEqual({ inputs: [0, 1, 2, 3, 4, 5], targets: [1, 2, 3, 4, 5, 6] });
    expect(next(windows, 2, 3)).toEqual({ inputs: [6, 7, 8, 0, 1, 2], targets: [7, 8, 9, 1, 2, 3] });
  });

  test('a state starts anywhere', () => {
    expect(next(new Windows(stream(100), 10, { order: 'sequential', taken: 4 }), 1, 10).inputs[0]).toBe(40);
  });
});

describe('random', () => {
  test('takes every position equally often', () => {
    const windows = new Windows(stream(12), 4, 'random', 7);
    const counts = new Array(8).fill(0);
    const draws = 8000;
    for (let draw = 0; draw < draws; draw++) {
      const { inputs, targets } = next(windows, 1, 4);
      expect(inputs).toEqual([0, 1, 2, 3].map((index) => inputs[0]! + index));
      expect(targets).toEqual(inputs.map((id) => id + 1));
      counts[inputs[0]!]++;
    }
    // Five standard deviations of a binomial distribution.
    for (const count of counts) expect(Math.abs(count - draws / 8)).toBeLessThan(5 * Math.sqrt((draws / 8) * (7 / 8)));
  });

  test('the seed decides', () => {
    const starts = (seed: number) => {
      const windows = new Windows(stream(60_000), 4, 'random', seed);
      return Array.from({ length: 20 }, () => next(windows, 1, 4).inputs[0]);
    };
    expect(starts(1)).toEqual(starts(1));
    expect(starts(1)).not.toEqual(starts(2));
  });

  test('one window is taken again and again', () => {
    const windows = new Windows(stream(5), 4, 'random');
    expect(next(windows, 3, 4).inputs).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
  });
});

test.each(['sequential', 'random'] as const)('%s: a state, also as JSON, goes on exactly there', (order) => {
  const windows = new Windows(stream(1000), 8, order, 3);
  for (let step = 0; step < 5; step++) next(windows, 4, 8);
  const state = JSON.parse(JSON.stringify(windows.state())) as WindowState;
  const rest = Array.from({ length: 50 }, () => next(windows, 4, 8));
  const resumed = new Windows(stream(1000), 8, state);
  expect(Array.from({ length: 50 }, () => next(resumed, 4, 8))).toEqual(rest);
  expect(resumed.state()).toEqual(windows.state());
});

test('batches of the wrong size and orders of no name are refused', () => {
  const windows = new Windows(stream(100), 10, 'sequential');
  const bad = [
    [15, 15],
    [20, 10],
  ] as const;
  for (const [inputs, targets] of bad) {
    expect(() => windows.next(new Int32Array(inputs), new Int32Array(targets))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    );
  }
  expect(() => new Windows(stream(100), 10, 'backwards' as 'random')).toThrow(/random or shuffled, got `backwards`/);
});

test('a stream shorter than a window', () => {
  for (const order of ['sequential', 'random'] as const) {
    expect(() => new Windows(stream(10), 10, order)).toThrow(
      expect.objectContaining({
        code: 'ERR_DATA_SHORT',
        message: 'here: Expected at least 11 tokens (a window of 10 and its last target), got 10',
      }),
    );
  }
});

describe('splitTokens', () => {
  test.each([
    [1000, 10, undefined, 950],
    [1000, 10, 0.2, 800],
    [100, 10, undefined, 89],
    [22, 10, undefined, 11],
    [100, 10, 0.99, 11],
  ])('%i tokens, windows of %i, fraction %s: %i for training', (length, window, fraction, border) => {
    const { training, validation } = splitTokens(stream(length), window, fraction);
    expect(training.length).toBe(border);
    expect(validation?.length).toBe(length - border);
    const first = new Int32Array(1);
    validation?.read(0, first);
    expect(first[0]).toBe(border);
  });

  test('0 keeps nothing back', () => {
    const { training, validation } = splitTokens(stream(11), 10, 0);
    expect(training.length).toBe(11);
    expect(validation).toBeUndefined();
  });

  test('a stream too short for both parts, a fraction that is none', () => {
    expect(() => splitTokens(stream(21), 10)).toThrow(expect.objectContaining({ code: 'ERR_DATA_SHORT' }));
    expect(() => splitTokens(stream(10), 10, 0)).toThrow(expect.objectContaining({ code: 'ERR_DATA_SHORT' }));
    for (const fraction of [1, -0.1, Number.NaN]) {
      expect(() => splitTokens(stream(100), 10, fraction)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      );
    }
  });
});

describe('shuffled', () => {
  /** The targets of windows that count, in the order in which they come. */
  function counted(windows: Windows, count: number, window: number): number[] {
    return Array.from({ length: count }, () => next(windows, 1, window).targets)
      .flat()
      .filter((target) => target !== -1);
  }

  test.each([5, 6, 9, 11, 100, 1000, 4097])(
    'every token but the first is a target once in an epoch of %i',
    (length) => {
      const count = Math.ceil((length - 1) / 4);
      const windows = new Windows(stream(length), 4, 'shuffled', 3, 2);
      const all = Array.from({ length: length - 1 }, (_, index) => index + 1);
      const [first, second] = [counted(windows, count, 4), counted(windows, count, 4)];
      expect(first.toSorted((a, b) => a - b)).toEqual(all);
      expect(second.toSorted((a, b) => a - b)).toEqual(all);
      if (count > 20) expect(first).not.toEqual(second);
      if (count > 20) expect(first).not.toEqual(all);
      // Behind the last epoch no target counts.
      expect(counted(windows, 3, 4)).toEqual([]);
    },
  );

  test('places are alike: each window is first in about as many of many seeds', () => {
    const firsts = new Array(6).fill(0);
    for (let seed = 0; seed < 3000; seed++)
      firsts[(next(new Windows(stream(25), 4, 'shuffled', seed), 1, 4).inputs[0] as number) / 4]++;
    for (const count of firsts) expect(Math.abs(count - 500)).toBeLessThan(5 * Math.sqrt(3000 * (1 / 6) * (5 / 6)));
  });

  test('a state goes on in the middle of an epoch, and says no more than its place', () => {
    const windows = new Windows(stream(100), 4, 'shuffled', 9);
    counted(windows, 7, 4);
    const state = windows.state();
    expect(state).toEqual({ order: 'shuffled', seed: 9, taken: 7 });
    expect(counted(new Windows(stream(100), 4, state), 60, 4)).toEqual(counted(windows, 60, 4));
  });
});
