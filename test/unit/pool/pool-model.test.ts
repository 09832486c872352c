import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Schedule, schedule } from '../../fixtures/pool-schedule.js';
import { PoolUnderSchedule } from '../../fixtures/pool-under-schedule.js';

/** `MAYFLY_POOL_SCHEDULES=100000 npx vitest run --root test unit/pool` searches longer. */
const SCHEDULES = Number(process.env.MAYFLY_POOL_SCHEDULES ?? 1000);

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterAll(() => {
  vi.useRealTimers();
});

async function follow(given: Schedule): Promise<void> {
  const { workers, standby, commands, ending } = given;
  const under = new PoolUnderSchedule(given);
  const { simulated, pool, calls } = under;
  await under.open();
  for (const command of commands) await under.carryOut(command);

  expect(await under.end(ending), 'close and destroy come to an end').toBe(true);
  expect(simulated.processes, 'no process is left').toHaveLength(0);
  expect(pool.stats(), 'no call is pending, no worker is listed').toMatchObject({ pending: 0, workers: [] });
  expect(
    (await under.afterwards()).every((outcome) => /^ERR_(POOL_CLOSED|KERNEL_DISPOSED)$/.test(outcome)),
    'a closed pool takes no calls',
  ).toBe(true);

  for (const { kind, output, weight, outcomes, written, punctual, abort } of calls) {
    expect(outcomes, `a ${kind} settles exactly once`).toHaveLength(1);
    const [outcome] = outcomes;
    const allowed = ['ok', 'ERR_KERNEL_DISPOSED'];
    if (abort.signal.aborted) allowed.push('GIVEN_UP');
    if (ending !== 'close') allowed.push('ERR_POOL_CLOSED');
    expect(allowed, `the outcome of a ${kind}`).toContain(outcome);
    if (kind !== 'run') continue;
    const seen = simulated.seen.get(output) ?? [];
    expect(seen, 'nothing writes the memory of a run that has settled').toHaveLength(written);
    if (outcome !== 'ok') continue;
    expect(new Set(seen.map((each) => each.weight)), 'a run sees the weights of its call and no others').toEqual(
      new Set([weight]),
    );
    expect(punctual, 'no answer of a worker that was given up is delivered').toBe(true);
  }
  expect(under.violations).toEqual([]);
  expect(simulated.mostProcesses, 'processes are bounded').toBeLessThanOrEqual(2 * workers + standby + 1);
}

test(`any schedule of calls, faults and retirements keeps the pool's promises (${SCHEDULES} schedules)`, async () => {
  await fc.assert(fc.asyncProperty(schedule, follow), {
    numRuns: SCHEDULES,
    seed: Number(process.env.MAYFLY_POOL_SEED ?? 20_26),
  });
}, 3_600_000);
