import { Disturber, drawFaults, rankFaultsRule } from '@mayfly/core/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const given = { ranks: 4, steps: 100, seed: 7 };

describe('faults of ranks', () => {
  test('are drawn from the seed alone: as many as were asked for, in the order of their steps, before the run ends', () => {
    const counts = { kill: 20, stop: 30, hang: 10 };
    const drawn = drawFaults(counts, given);
    expect(drawFaults(counts, given)).toEqual(drawn);
    expect(drawFaults(counts, { ...given, seed: 8 })).not.toEqual(drawn);
    for (const [fault, count] of Object.entries(counts)) {
      expect(drawn.filter((each) => each.fault === fault)).toHaveLength(count);
    }
    const steps = drawn.map(({ step }) => step);
    expect(steps.toSorted((a, b) => a - b)).toEqual(steps);
    expect(steps.at(-1)).toBeLessThan(75);
    expect(new Set(drawn.map(({ rank }) => rank))).toEqual(new Set([0, 1, 2, 3]));
    for (const { fault, stopMs } of drawn) {
      if (fault === 'stop') expect(stopMs).toBeGreaterThanOrEqual(100);
      expect(Number.isFinite(stopMs)).toBe(fault !== 'hang');
    }
  });

  test('are written as a list', () => {
    expect(rankFaultsRule.read('--rank-faults', 'kill=2,hang=1')).toEqual({ kill: 2, hang: 1 });
    expect(() => rankFaultsRule.read('--rank-faults', 'crash=1')).toThrow(
      'Expected --rank-faults to be a list of kill=N, stop=N, hang=N, got `crash=1`',
    );
    expect(() => rankFaultsRule.read('--rank-faults', 'kill=some')).toThrow("Expected --rank-faults's kill to be");
  });
});

describe('a disturber', () => {
  const signals: [number, string | number | undefined][] = [];
  const gone = new Set<number>();
  beforeEach(() => {
    vi.useFakeTimers();
    signals.length = 0;
    gone.clear();
    vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      if (gone.has(pid)) throw new Error('ESRCH');
      signals.push([pid, signal]);
      return true;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const due = { rank: 1, step: 3, delayMs: 10, stopMs: 0 } as const;
  const begin = (disturber: Disturber, pids: readonly number[]) => {
    for (const [rank, pid] of pids.entries()) disturber.onBegin({ rank, pid, host: 'here' });
  };

  test('signals the process of a rank once its step is done, and never again', () => {
    const struck: object[] = [];
    using disturber = new Disturber([{ ...due, fault: 'kill' }], (fault) => struck.push(fault));
    begin(disturber, [70, 71]);
    disturber.onStep(2);
    vi.runAllTimers();
    expect(signals).toEqual([]);
    disturber.onStep(3);
    expect(signals).toEqual([]);
    vi.advanceTimersByTime(10);
    expect(signals).toEqual([[71, 'SIGKILL']]);
    expect(struck).toMatchObject([{ fault: 'kill', rank: 1, pid: 71 }]);
    disturber.onEnd();
    begin(disturber, [80, 81]);
    disturber.onStep(3);
    vi.runAllTimers();
    expect(signals).toHaveLength(1);
    expect(disturber.left).toBe(0);
  });

  test('lets a stopped rank go on, but none that hangs', () => {
    const faults = [
      { ...due, fault: 'stop', stopMs: 200 },
      { ...due, fault: 'hang', rank: 0, stopMs: Number.POSITIVE_INFINITY },
    ] as const;
    using disturber = new Disturber(faults, () => {});
    begin(disturber, [70, 71]);
    disturber.onStep(3);
    vi.advanceTimersByTime(209);
    expect(signals).toEqual([
      [71, 'SIGSTOP'],
      [70, 'SIGSTOP'],
    ]);
    vi.runAllTimers();
    expect(signals.slice(2)).toEqual([[71, 'SIGCONT']]);
  });

  test('signals no process of a job that has ended, and strikes in the next', () => {
    using disturber = new Disturber([{ ...due, fault: 'stop', stopMs: 200 }], () => {});
    begin(disturber, [70, 71]);
    disturber.onStep(3);
    disturber.onEnd();
    vi.runAllTimers();
    expect(signals).toEqual([]);
    begin(disturber, [80, 81]);
    disturber.onStep(4);
    vi.advanceTimersByTime(10);
    expect(signals).toEqual([[81, 'SIGSTOP']]);
    disturber.onEnd();
    vi.runAllTimers();
    expect(signals).toHaveLength(1);
  });

  test('tries again where the process was gone already', () => {
    using disturber = new Disturber([{ ...due, fault: 'kill', step: 0 }], () => {});
    gone.add(71);
    begin(disturber, [70, 71]);
    vi.runAllTimers();
    expect(disturber.left).toBe(1);
    disturber.onEnd();
    begin(disturber, [80, 81]);
    vi.runAllTimers();
    expect(signals).toEqual([[81, 'SIGKILL']]);
  });
});
