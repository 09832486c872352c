import { defaultBudget, jittered, resolveBudget, retirementReason, type WorkerUsage } from '@mayfly/core/testing';
import { expect, test } from 'vitest';

const usage: WorkerUsage = {
  ...{
    compilations: 0,
    livePrograms: 0,
    reserved: 0,
    evaluations: 0,
    failures: 0,
    slowdown: 1,
    rssGrowth: 0,
    ageMs: 0,
  },
  ...{ stats: null, replacementRequested: false },
};

test('workers of one age have limits up to 20 % apart, each always the same, none over what was asked for', () => {
  const budget = resolveBudget({ evaluations: 10_000, ageMs: 60_000, compilations: 100 });
  const workers = Array.from({ length: 50 }, (_, id) => jittered(budget, id + 1));
  expect(workers).toEqual(Array.from({ length: 50 }, (_, id) => jittered(budget, id + 1)));
  for (const limit of ['evaluations', 'ageMs'] as const) {
    const limits = workers.map((worker) => worker[limit]);
    expect(Math.max(...limits)).toBeLessThanOrEqual(budget[limit]);
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(0.8 * budget[limit]);
    // Those that start together, a few ids in a row, are never within 1 % of each other.
    for (let first = 0; first + 4 <= limits.length; first++) {
      const together = limits.slice(first, first + 4).sort((a, b) => a - b);
      for (let i = 1; i < together.length; i++)
        expect(together[i]! - together[i - 1]!).toBeGreaterThan(0.01 * budget[limit]);
    }
  }
  expect(new Set(workers.map(({ compilations }) => compilations))).toEqual(new Set([100]));
  expect(jittered(defaultBudget, 7)).toEqual(defaultBudget);
});

test('programs that are promised count as live ones', () => {
  const budget = resolveBudget({ livePrograms: 3 });
  const full = { ...usage, livePrograms: 2, reserved: 1 };
  expect(retirementReason(full, budget, 'compilation')).toBe('livePrograms');
  expect(retirementReason({ ...full, reserved: 0 }, budget, 'compilation')).toBeNull();
  expect(retirementReason(full, budget, 'evaluation')).toBeNull();
});

test('a device’s failure is the worst reason, a limit of compilations the mildest', () => {
  const budget = resolveBudget({ evaluations: 1, compilations: 1 });
  const used = { ...usage, evaluations: 1, compilations: 1, failures: 1 };
  expect(retirementReason(used, budget, 'compilation')).toBe('failures');
  expect(retirementReason({ ...used, failures: 0 }, budget, 'compilation')).toBe('evaluations');
  expect(retirementReason({ ...used, failures: 0, evaluations: 0 }, budget, 'compilation')).toBe('compilations');
});

test.each([{ compilations: 0 }, { ageMs: Number.NaN }, { evaluations: '5' as never }])('%o is no budget', (budget) => {
  expect(() => resolveBudget(budget)).toThrow(/Expected budget\.\w+ to be a number from 1 up, got/);
});
