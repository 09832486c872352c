import { join } from 'node:path';
import { PowerWatch, parsePowerState } from '@mayfly/core/testing';
import { afterEach, expect, test } from 'vitest';
import { appleTools, calm } from '../../fixtures/apple-tools.js';
import { isAlive } from '../../fixtures/is-alive.js';
import { temporaryFolder } from '../../fixtures/temporary-folder.js';

const folder = temporaryFolder();
const outputs = (changed: Partial<Parameters<typeof parsePowerState>[0]> = {}) =>
  parsePowerState({
    settings: calm['pmset -g'],
    battery: calm['pmset -g batt'],
    limits: calm['pmset -g therm'],
    pressure: calm['notifyutil -g com.apple.system.thermalpressurelevel'],
    ...changed,
  });

afterEach(() => {
  delete process.env.MAYFLY_APPLE_TOOLS;
});

test("reads macOS's outputs, of several releases", () => {
  expect(outputs()).toEqual({ source: 'mains', lowPowerMode: false, thermal: 'nominal', speedLimit: 100 });
  const battery =
    "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t19%; discharging; 2:01 remaining present: true\n";
  expect(outputs({ battery })).toMatchObject({ source: 'battery' });
  const settings = 'Battery Power:\n Sleep On Power Button 1\n lowpowermode         1\n standby              1\n';
  expect(outputs({ settings })).toMatchObject({ lowPowerMode: true });
  for (const [mode, low] of [
    [0, false],
    [1, true],
    [2, false],
  ] as const) {
    expect(outputs({ settings: `Currently in use:\n powermode            ${mode}\n womp 1\n` }).lowPowerMode).toBe(low);
  }
  const limits = [100, 60].map(
    (speed) =>
      `2026-06-23 23:28:08 +0800 CPU Power notify\n\tCPU_Scheduler_Limit \t= 100\n\tCPU_Available_CPUs \t= 12\n\tCPU_Speed_Limit \t= ${speed}\n`,
  );
  expect(outputs({ limits: limits.join('') })).toMatchObject({ speedLimit: 60 });
  expect(outputs({ limits: limits.toReversed().join('') })).toMatchObject({ speedLimit: 100 });
  expect(outputs({ pressure: 'com.apple.system.thermalpressurelevel 2\n' })).toMatchObject({ thermal: 'heavy' });
});

test('takes outputs that it does not know, and none, for unknown', () => {
  const nothing = { source: null, lowPowerMode: null, thermal: null, speedLimit: null };
  for (const text of ['', 'pmset: command failed', 'lowpowermode\nCPU_Speed_Limit = \nthermalpressurelevel 99\n']) {
    expect(parsePowerState({ settings: text, battery: text, limits: text, pressure: text })).toEqual(nothing);
  }
});

test('is told of the first state and of changes, and holds caffeinate until it is closed', async () => {
  const tools = appleTools(join(folder, 'changing'));
  process.env.MAYFLY_APPLE_TOOLS = tools.environment.MAYFLY_APPLE_TOOLS;
  const states: unknown[] = [];
  const onState = (state: unknown) => void states.push(state);
  const watch = await PowerWatch.open({ onState, allowSleep: false, intervalMs: 20 });
  expect(states).toEqual([{ source: 'mains', lowPowerMode: false, thermal: 'nominal', speedLimit: 100 }]);
  const looks = () => tools.calls().filter(({ call }) => call === 'pmset -g therm').length;
  await expect.poll(looks).toBeGreaterThan(3);
  expect(states).toHaveLength(1);
  tools.set({ 'notifyutil -g com.apple.system.thermalpressurelevel': 'com.apple.system.thermalpressurelevel 1\n' });
  await expect.poll(() => states[1]).toMatchObject({ thermal: 'moderate' });
  const keepers = tools.calls().filter(({ call }) => call.startsWith('caffeinate'));
  expect(keepers).toEqual([{ pid: expect.any(Number), call: `caffeinate -i -w ${process.pid}` }]);
  const keeperLives = () => isAlive(keepers[0]!.pid);
  expect(keeperLives()).toBe(true);
  watch[Symbol.dispose]();
  await expect.poll(keeperLives).toBe(false);
});

test('does nothing on other systems, nor holds the system awake where sleep is allowed', async ({ skip }) => {
  if (process.platform === 'darwin') return skip('this is macOS');
  const states: unknown[] = [];
  const onState = (state: unknown) => void states.push(state);
  using _ = await PowerWatch.open({ onState, allowSleep: false });
  expect(states).toEqual([]);
  const tools = appleTools(join(folder, 'allowed'));
  process.env.MAYFLY_APPLE_TOOLS = tools.environment.MAYFLY_APPLE_TOOLS;
  using __ = await PowerWatch.open({ onState, allowSleep: true });
  expect(states).toHaveLength(1);
  expect(tools.calls().filter(({ call }) => call.startsWith('caffeinate'))).toEqual([]);
});
