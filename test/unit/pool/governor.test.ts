import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Clock, Governor, Health, resolvePacing } from '@mayfly/core/testing';
import { loadProfile, machineProfile } from '@mayfly/native';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Milliseconds after which something happens; null where it does not within a minute. */
async function after(happens: Promise<unknown>): Promise<number | null> {
  const from = performance.now();
  let at: number | null = null;
  void happens.then(() => {
    at = performance.now() - from;
  });
  for (let ms = 0; ms < 60_000 && at === null; ms += 50) await vi.advanceTimersByTimeAsync(50);
  return at;
}

const start = (governor: Governor) => after(new Promise<void>((resolve) => void governor.start(async () => resolve())));

test('the pause before a start doubles with each death in a row from the second on, to a longest one', async () => {
  const health = new Health(5, 6);
  const governor = new Governor(resolvePacing('cpu', { backoffMs: 100, maxBackoffMs: 500 }), health, new Clock());
  const pauses: (number | null)[] = [];
  for (let deaths = 0; deaths < 6; deaths++) {
    pauses.push(await start(governor));
    expect(health.exhausted).toBe(deaths >= 5);
    health.died();
  }
  expect(pauses).toEqual([0, 0, 100, 200, 400, 500]);
  health.answered();
  expect(await start(governor)).toBe(0);
});

test('work that others do makes failed starts no better; a worker of use does', async () => {
  const health = new Health(2, 6);
  const governor = new Governor(resolvePacing('cpu'), health, new Clock());
  health.failedStart();
  health.failedStart();
  health.worked('evaluate');
  expect([health.exhausted, await start(governor)]).toEqual([true, 100]);
  health.started();
  expect([health.exhausted, await start(governor)]).toEqual([false, 0]);
});

test('one start at a time: the turn lasts as long as the start', async () => {
  const governor = new Governor(resolvePacing('cpu'), new Health(5, 6), new Clock());
  let ready: () => void = () => {};
  void governor.start(() => new Promise((resolve) => (ready = resolve)));
  const second = vi.fn(async () => {});
  void governor.start(second);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(second).not.toHaveBeenCalled();
  ready();
  await vi.advanceTimersByTimeAsync(0);
  expect(second).toHaveBeenCalledOnce();
});

test('a hot exit holds back the next start, a failed compilation the next one, wherever it is', async () => {
  const governor = new Governor(
    resolvePacing('cpu', { settleMs: 1500, failureMs: 15_000 }),
    new Health(5, 6),
    new Clock(),
  );
  expect(await start(governor)).toBe(0);
  governor.exitedHot();
  expect(await after(governor.compilation())).toBe(0);
  expect(await start(governor)).toBe(1450);
  governor.compilationFailed();
  expect(await start(governor)).toBe(0);
  expect(await after(governor.compilation())).toBe(14_950);
});

test('compilations over all workers keep to the rate', async () => {
  const governor = new Governor(resolvePacing('cpu', { compilationsPerSecond: 4 }), new Health(5, 6), new Clock());
  const ten = Promise.all(Array.from({ length: 9 }, () => governor.compilation()));
  const took = await after(ten);
  expect(took).toBeGreaterThanOrEqual(2000);
  expect(took).toBeLessThan(2500);
});

test('nothing is started after a stop, and nobody waits for it', async () => {
  const governor = new Governor(resolvePacing('cpu', { settleMs: 10_000 }), new Health(5, 6), new Clock());
  governor.exitedHot();
  const begun = vi.fn(async () => {});
  const started = governor.start(begun);
  await vi.advanceTimersByTimeAsync(10);
  governor.stop();
  await started;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(begun).not.toHaveBeenCalled();
});

test('the profile of the device’s chip gives the defaults, options win', () => {
  const file = join(temporaryFolder(), 'hasty.json');
  const figure = (value: number) => ({ value, source: 'test', grade: 'C' });
  const pacing = { failureMs: figure(20_000), compilationsPerSecond: figure(5) };
  writeFileSync(file, JSON.stringify({ extends: 'm4', name: 'hasty', title: 'Hasty', pacing }));
  const own = { settleMs: 1500, failureMs: 20_000, compilationsPerSecond: 5 };
  expect(resolvePacing(`sim:${file},pacing`)).toMatchObject(own);
  expect(resolvePacing(`sim:${file},pacing`, { settleMs: 1 })).toMatchObject({ ...own, settleMs: 1 });
  const none = { settleMs: 0, failureMs: 0, compilationsPerSecond: Number.POSITIVE_INFINITY };
  for (const device of ['cpu', 'sim:m4', `sim:${file}`]) expect(resolvePacing(device)).toMatchObject(none);
  expect(resolvePacing('ane')).toMatchObject({ settleMs: 1500, failureMs: 15_000 });
  expect(machineProfile('Apple M3 Max')).toEqual(loadProfile('m3-max'));
  expect(machineProfile('Another')).toBeNull();
});
